// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
	"github.com/llm-guardian/otelcol-guardian/test/e2e/sandbox"
)

// Every block of commands in these documents has a comment right before it, which a reader does not see:
//
//	<!-- run -->                  it runs in the test, and succeeds
//	<!-- run, prints: REGEXP -->  and prints a match
//	<!-- run, fails: REGEXP -->   it fails, and prints a match
//	<!-- start, until: REGEXP --> it runs on, as in a terminal of its own, once it has printed a match; the one before is stopped
//	                              by SIGTERM and must end well
//	<!-- stop, run, prints: … --> as run, prints, after what was started has been stopped
//	<!-- not run: REASON -->      it cannot run where the tests do
//
// The blocks of a document run in one bash, in its order, from the repository's root, in a sandbox: as root, on the usual ports,
// under a systemd. What they write outside does not stay.
var documents = []string{
	"docs/install.md", "docs/first-five-minutes.md", "docs/security.md", "docs/sizing.md", "docs/upgrade.md", "docs/troubleshooting.md",
	"deploy/compose/README.md",
}

// docBlock is a block of commands of a document.
type docBlock struct {
	line                 int
	action, want, script string
}

const (
	actRun     = "run"
	actFail    = "run, fails"
	actPrint   = "run, prints"
	actStop    = "stop, run, prints"
	actStart   = "start, until"
	actNothing = "not run"
)

var marker = regexp.MustCompile(`^<!-- (run, prints|run, fails|stop, run, prints|start, until|not run|run)(?:: (.+))? -->$`)

// docBlocks gives the blocks of commands of a document, or what is wrong with their comments.
func docBlocks(text string) (blocks []docBlock, problems []string) {
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		if !strings.HasPrefix(lines[i], "```sh") && !strings.HasPrefix(lines[i], "```bash") {
			continue
		}
		block := docBlock{line: i + 1}
		match := marker.FindStringSubmatch(lines[max(0, i-1)])
		switch {
		case match == nil:
			problems = append(problems, fmt.Sprintf("line %d: no comment says what to do with these commands", block.line))
		case (match[1] == actRun) != (match[2] == ""):
			problems = append(problems, fmt.Sprintf("line %d: cannot read %s", block.line, lines[i-1]))
		default:
			block.action, block.want = match[1], match[2]
		}
		for i++; i < len(lines) && lines[i] != "```"; i++ {
			block.script += lines[i] + "\n"
		}
		blocks = append(blocks, block)
	}
	return blocks, problems
}

func TestDocumentsThatAreBroken(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		_, problems := docBlocks(text)
		if want == "" {
			assert.Empty(t, problems)
			return
		}
		assert.Contains(t, strings.Join(problems, "\n"), want)
	}
	f("<!-- run -->\n```sh\ntrue\n```\n", "")
	f("<!-- not run: needs a cluster -->\n```sh\ntrue\n```\n", "")
	f("text\n```sh\ntrue\n```\n", "line 2: no comment")
	f("<!-- run -->\n\n```sh\ntrue\n```\n", "line 3: no comment")
	f("<!-- not run -->\n```sh\ntrue\n```\n", "line 2: cannot read <!-- not run -->")
	f("<!-- run: x -->\n```sh\ntrue\n```\n", "line 2: cannot read")
	f("```yaml\na: b\n```\n", "")
}

func TestDocInstall(t *testing.T)          { runDocument(t, "docs/install.md") }
func TestDocFirstFiveMinutes(t *testing.T) { runDocument(t, "docs/first-five-minutes.md") }
func TestDocSecurity(t *testing.T)         { runDocument(t, "docs/security.md") }
func TestDocSizing(t *testing.T)           { runDocument(t, "docs/sizing.md") }
func TestDocUpgrade(t *testing.T)          { runDocument(t, "docs/upgrade.md") }
func TestDocTroubleshooting(t *testing.T)  { runDocument(t, "docs/troubleshooting.md") }

// TestDocumentsAreMarked finds a block that no comment says anything of, and a document that nothing runs.
func TestDocumentsAreMarked(t *testing.T) {
	for _, document := range documents {
		blocks, problems := docBlocks(readDocument(t, document))
		assert.Empty(t, problems, document)
		assert.NotEmpty(t, blocks, document)
	}
}

func readDocument(t *testing.T, document string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(testutil.Root(t), document))
	require.NoError(t, err)
	return string(text)
}

// runDocument runs the blocks of a document in a sandbox.
func runDocument(t *testing.T, document string) {
	t.Helper()
	require.Contains(t, documents, document)
	sandbox.Run(t, func(*sandbox.Box) {
		blocks, problems := docBlocks(readDocument(t, document))
		require.Empty(t, problems)
		root := testutil.Root(t)
		if binary := filepath.Join(root, "bin", "otelcol-guardian"); testutil.Binary(t) != binary {
			must(t, "ln", "-sf", testutil.Binary(t), binary)
		}
		packageFile(t, "otelcol-guardian_*.deb")

		cmd := exec.CommandContext(t.Context(), "bash")
		cmd.Dir = root
		cmd.Stdin = strings.NewReader(docScript(blocks))
		var output bytes.Buffer
		cmd.Stdout, cmd.Stderr = &output, &output
		err := cmd.Run()
		ran := sections(t, output.String())
		for _, block := range blocks {
			if block.action == actNothing {
				continue
			}
			said, was := ran[block.line]
			if !assert.True(t, was, "%s:%d was not reached", document, block.line) {
				break
			}
			if slices.Contains([]string{actPrint, actFail, actStop}, block.action) {
				assert.Regexp(t, "(?m)"+block.want, said, "%s:%d\n%s", document, block.line, block.script)
			}
		}
		require.NoError(t, err, "%s: %s", document, output.String())
		t.Logf("%s: ran %d of %d blocks", document, len(ran), len(blocks))
	})
}

// blockLine stands before what a block prints.
const blockLine = "@@ block at line "

// docScript makes one script of the blocks.
func docScript(blocks []docBlock) string {
	var script strings.Builder
	// What sudo does for a user, root needs not. A block that runs on writes a file, which is shown when it does not say what it should.
	script.WriteString(`set -euo pipefail
sudo() { "$@"; }
started=
stop() { [[ -z $started ]] || { kill "$started"; wait "$started"; started=; }; }
trap 'kill $started 2>/dev/null || true' EXIT
await() { # FILE REGEXP
	for _ in $(seq 600); do grep -qP -- "$2" "$1" && return; sleep 0.1; done
	cat "$1"; echo "it never printed $2"; exit 1
}
`)
	for _, block := range blocks {
		if block.action == actNothing {
			continue
		}
		fmt.Fprintf(&script, "echo; echo '%s%d'\n", blockLine, block.line)
		switch block.action {
		case actStart:
			log := fmt.Sprintf("/tmp/block-%d.log", block.line)
			// A shell with one command becomes that command, which then gets the signal.
			fmt.Fprintf(&script, "stop\nbash -c %s > %s 2>&1 &\nstarted=$!\nawait %s %s\n", quoted(block.script), log, log, quoted(block.want))
		case actFail:
			fmt.Fprintf(&script, "if (\nset -e\n%s); then echo 'it succeeded, and must not'; exit 1; fi\n", block.script)
		case actStop:
			script.WriteString("stop\n" + block.script)
		default:
			script.WriteString(block.script)
		}
	}
	// bash reads its script line by line from where its children read theirs: they must not.
	return "main() {\n" + script.String() + "}\nmain < /dev/null 2>&1\n"
}

// quoted is a text as one word of a shell.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// sections gives what each block has printed, by its line.
func sections(t *testing.T, output string) map[int]string {
	t.Helper()
	printed := map[int]string{}
	line := 0
	lines := bufio.NewScanner(strings.NewReader(output))
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		if rest, is := strings.CutPrefix(lines.Text(), blockLine); is {
			_, err := fmt.Sscanf(rest, "%d", &line)
			require.NoError(t, err)
			printed[line] = ""
			continue
		}
		printed[line] += lines.Text() + "\n"
	}
	delete(printed, 0)
	require.NoError(t, lines.Err())
	return printed
}
