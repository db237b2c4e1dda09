// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package reference

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// readJSONLines reads objects, one after the other. Of an event in its envelope it reads the data.
func readJSONLines(r io.Reader, limit int) (*columns, error) {
	decoder := json.NewDecoder(r)
	all := newColumns(limit)
	for {
		var object map[string]any
		err := decoder.Decode(&object)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("object %d: %w", all.rows+1, err)
		}
		all.rows++
		if data, ok := object["data"].(map[string]any); ok && object["type"] != nil {
			object = data
		}
		if err := all.addObject("", object, 0); err != nil {
			return nil, err
		}
	}
}

// maxDepth is the number of levels of an object that are read.
const maxDepth = 16

// addObject adds the members of an object, under their paths. Lists are no values.
func (c *columns) addObject(prefix string, object map[string]any, depth int) error {
	if depth == maxDepth {
		return nil
	}
	for key, member := range object {
		if nested, ok := member.(map[string]any); ok {
			if err := c.addObject(prefix+key+".", nested, depth+1); err != nil {
				return err
			}
			continue
		}
		if err := c.addMember(prefix+key, member); err != nil {
			return err
		}
	}
	return nil
}

func (c *columns) addMember(name string, member any) error {
	switch member.(type) {
	case float64, string, bool:
	default:
		return nil
	}
	column, err := c.at(name)
	if column == nil || err != nil {
		return err
	}
	switch v := member.(type) {
	case float64:
		column.addNumber(v)
	case string:
		column.addText(v)
	case bool:
		column.addText(truth(v))
	}
	return nil
}

// truth is how a bool is a category.
func truth(b bool) string {
	if b {
		return "true"
	}
	return "false"
}
