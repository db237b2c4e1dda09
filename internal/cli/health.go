// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

const (
	// defaultHealth is where the shipped configurations' health_check listens.
	defaultHealth = "http://localhost:13133/"
	healthLimit   = 5 * time.Second
	// healthWords bounds what is read and repeated of an answer.
	healthWords = 1 << 10
)

// NewHealthCommand gives the sub-command `health`, with which a container without a shell can be asked how it is.
func NewHealthCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "health [URL]",
		Short: "Asks a running collector's health_check extension; the exit code is 0 when it is well",
		Long: `Asks a running collector's health_check extension; the exit code is 0 when it is well and 1 when it is not or does not
answer within ` + healthLimit.String() + `. The URL is ` + defaultHealth + ` unless another is given. It is what a container's health check runs
where the image has neither a shell nor an HTTP client.`,
		Args:         cobra.MaximumNArgs(1),
		SilenceUsage: true,
		RunE: func(command *cobra.Command, args []string) error {
			url := defaultHealth
			if len(args) == 1 {
				url = args[0]
			}
			ctx, cancel := context.WithTimeout(command.Context(), healthLimit)
			defer cancel()
			answer, err := askHealth(ctx, url)
			if err != nil {
				return fmt.Errorf("cannot see that the collector is well: %w", err)
			}
			_, err = fmt.Fprintln(command.OutOrStdout(), answer)
			return err
		},
	}
}

// askHealth gives the answer of a health_check extension, or an error unless it is 200.
func askHealth(ctx context.Context, url string) (answer string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	body, err := io.ReadAll(io.LimitReader(response.Body, healthWords))
	if err != nil {
		return "", err
	}
	answer = strings.TrimSpace(string(body))
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s answered %s: %s", url, response.Status, answer)
	}
	return answer, nil
}
