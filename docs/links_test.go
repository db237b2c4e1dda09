// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package docs follows the links of all documents of the repository.
package docs

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

func TestMain(m *testing.M) { testutil.VerifyNoLeaks(m) }

// pages is where a link to a file of ours leads on the web.
const pages = "https://github.com/llm-guardian/otelcol-guardian/blob/main/"

var (
	link     = regexp.MustCompile(`\]\(<?([^()<>\s]+)>?\)`)
	heading  = regexp.MustCompile(`^#{1,6} +(.+?) *#*$`)
	linkText = regexp.MustCompile(`\[([^]]*)\]\([^)]*\)`)
	// What GitHub leaves out of an anchor.
	punctuation = regexp.MustCompile(`[^\p{L}\p{N}\p{M} _-]`)
	built       = []string{".git", "bin", "build", "data", "testdata", "node_modules"}
)

// Every link to a file of ours finds it, and the heading in it.
func TestLinksLead(t *testing.T) {
	root := testutil.Root(t)
	texts := map[string]string{}
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && slices.Contains(built, entry.Name()) {
			return filepath.SkipDir
		}
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".md" {
			return err
		}
		text, err := os.ReadFile(path)
		texts[path] = string(text)
		return err
	}))
	require.Contains(t, texts, filepath.Join(root, "README.md"))
	followed := 0
	for _, path := range slices.Sorted(maps.Keys(texts)) {
		for _, target := range links(texts[path]) {
			followed++
			assert.NoError(t, follow(root, path, target), path)
		}
	}
	assert.Greater(t, followed, 100)
}

func TestLinksThatLeadNowhere(t *testing.T) {
	root := t.TempDir()
	page := filepath.Join(root, "page.md")
	require.NoError(t, os.WriteFile(page, []byte("# Of `it`, and more: [all](x)\n\n## Twice\n## Twice\n\n```sh\n# no heading\n```\n"), 0o600))
	for _, target := range []string{"page.md", "#of-it-and-more-all", "page.md#twice", "#twice-1", ".", pages + "page.md", pages + "page.md#twice", "https://example.com/x#y"} {
		assert.NoError(t, follow(root, page, target), target)
	}
	for _, target := range []string{"pages.md", "#thrice", "#no-heading", "page.md#twice-2", pages + "other.md", pages + "page.md#thrice"} {
		assert.ErrorContains(t, follow(root, page, target), target)
	}
	assert.Equal(t, []string{"a.md", "b#c", "https://d"}, links("[x](a.md), [`y`](b#c)\n```\n[z](no.md)\n```\n[d](<https://d>)"))
}

// links gives the targets in a text, without those in blocks of code.
func links(text string) (targets []string) {
	for _, line := range prose(text) {
		for _, match := range link.FindAllStringSubmatch(line, -1) {
			targets = append(targets, match[1])
		}
	}
	return targets
}

// prose gives the lines that are not in blocks of code.
func prose(text string) (lines []string) {
	inCode := false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			inCode = !inCode
		} else if !inCode {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	return lines
}

// follow says why a link on a page leads nowhere.
func follow(root, page, target string) error {
	path, anchor, _ := strings.Cut(target, "#")
	switch ours, is := strings.CutPrefix(path, pages); {
	case is:
		path = filepath.Join(root, ours)
	case strings.Contains(path, ":"):
		return nil // elsewhere
	case path == "":
		path = page
	default:
		path = filepath.Join(filepath.Dir(page), path)
	}
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("%s: %w", target, err)
	}
	if anchor == "" || filepath.Ext(path) != ".md" {
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !slices.Contains(anchors(string(text)), anchor) {
		return fmt.Errorf("%s: no heading has that anchor", target)
	}
	return nil
}

// anchors gives those of a page's headings, as GitHub makes them.
func anchors(text string) (all []string) {
	seen := map[string]int{}
	for _, line := range prose(text) {
		match := heading.FindStringSubmatch(line)
		if match == nil {
			continue
		}
		words := linkText.ReplaceAllString(match[1], "$1")
		anchor := strings.ReplaceAll(punctuation.ReplaceAllString(strings.ToLower(words), ""), " ", "-")
		if n := seen[anchor]; n > 0 {
			all = append(all, fmt.Sprintf("%s-%d", anchor, n))
		} else {
			all = append(all, anchor)
		}
		seen[anchor]++
	}
	return all
}
