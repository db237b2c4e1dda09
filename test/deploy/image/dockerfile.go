// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package image makes the images of deploy/docker/Dockerfile without a Docker engine: it reads the instructions of that file,
// takes what `COPY --from` names out of stand-ins for the stages that a registry would provide, and writes an OCI image.
// Its tests look at the images and run them.
package image

import (
	"bufio"
	"encoding/json"
	"fmt"
	"strings"
)

// stage is one FROM of a Dockerfile with its instructions.
type stage struct {
	base, name   string
	instructions []instruction
}

// instruction is a line of a Dockerfile, continued lines joined.
type instruction struct {
	line  int
	name  string
	flags map[string]string
	rest  string
}

// parse reads the part of the Dockerfile language that deploy/docker/Dockerfile uses; anything else is an error.
func parse(text string) ([]stage, error) {
	var stages []stage
	lines := bufio.NewScanner(strings.NewReader(text))
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if strings.HasSuffix(line, `\`) {
			return nil, fmt.Errorf("line %d: continued lines are not read", number)
		}
		i := parseInstruction(number, line)
		if i.name == "FROM" {
			words := strings.Fields(i.rest)
			switch {
			case len(words) == 1:
				stages = append(stages, stage{base: words[0]})
			case len(words) == 3 && words[1] == "AS":
				stages = append(stages, stage{base: words[0], name: words[2]})
			default:
				return nil, fmt.Errorf("line %d: cannot read FROM %s", number, i.rest)
			}
			continue
		}
		if len(stages) == 0 {
			return nil, fmt.Errorf("line %d: %s before FROM", number, i.name)
		}
		last := &stages[len(stages)-1]
		last.instructions = append(last.instructions, i)
	}
	return stages, lines.Err()
}

func parseInstruction(number int, line string) instruction {
	name, rest, _ := strings.Cut(line, " ")
	i := instruction{line: number, name: name, flags: map[string]string{}, rest: strings.TrimSpace(rest)}
	for strings.HasPrefix(i.rest, "--") {
		flag, after, _ := strings.Cut(i.rest, " ")
		key, value, _ := strings.Cut(strings.TrimPrefix(flag, "--"), "=")
		i.flags[key] = value
		i.rest = strings.TrimSpace(after)
	}
	return i
}

// find gives the stage of a name, or the last one for "".
func find(stages []stage, name string) (stage, error) {
	if name == "" {
		return stages[len(stages)-1], nil
	}
	for _, s := range stages {
		if s.name == name {
			return s, nil
		}
	}
	return stage{}, fmt.Errorf("no stage %s", name)
}

// pair reads NAME=value or NAME="value" of ENV and LABEL.
func (i instruction) pair() (name, value string, err error) {
	name, value, found := strings.Cut(i.rest, "=")
	if !found || strings.ContainsAny(name, " \"") {
		return "", "", fmt.Errorf("line %d: want one NAME=value, got %s", i.line, i.rest)
	}
	if strings.HasPrefix(value, `"`) {
		if err := json.Unmarshal([]byte(value), &value); err != nil {
			return "", "", fmt.Errorf("line %d: %w", i.line, err)
		}
		return name, value, nil
	}
	if strings.ContainsAny(value, " $") {
		return "", "", fmt.Errorf("line %d: want one value without variables, got %s", i.line, i.rest)
	}
	return name, value, nil
}

// list reads the exec form of ENTRYPOINT and CMD.
func (i instruction) list() (words []string, err error) {
	if err := json.Unmarshal([]byte(i.rest), &words); err != nil {
		return nil, fmt.Errorf("line %d: %s without a shell takes a JSON list: %w", i.line, i.name, err)
	}
	return words, nil
}
