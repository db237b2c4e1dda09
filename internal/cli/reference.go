// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/llm-guardian/otelcol-guardian/internal/drift"
	"github.com/llm-guardian/otelcol-guardian/internal/reference"
)

// referenceBuild is what the user asks of `reference build`.
type referenceBuild struct {
	from, out string
	settings  reference.Settings
	bounds    []float64
}

// NewReferenceCommand gives the sub-command `reference`, which makes what the drift processor compares with.
func NewReferenceCommand() *cobra.Command {
	command := &cobra.Command{Use: "reference", Short: "Makes references for the drift processor"}
	command.AddCommand(newReferenceBuild())
	return command
}

func newReferenceBuild() *cobra.Command {
	b := &referenceBuild{}
	command := &cobra.Command{
		Use:   "build --from predictions.{parquet,csv,jsonl} --out ref.parquet",
		Short: "Makes a compact reference file of a file of values",
		Long: `Makes a compact reference file of a file of values: Parquet, CSV with a header, or JSON Lines, a column or key for
each feature. Both may be paths or URLs (s3, gs, file). The compact file holds the cells, counts and hash of each feature and
loads in milliseconds; the drift processor reads it like any other reference.`,
		Example: "otelcol-guardian reference build --from predictions.parquet --out refs/churn/3.parquet",
		Args:    cobra.NoArgs,
		// An error of a file is no reason to explain the flags.
		SilenceUsage: true,
		RunE: func(command *cobra.Command, _ []string) error {
			return b.run(command.Context(), command.OutOrStdout())
		},
	}
	flags := command.Flags()
	flags.StringVar(&b.from, "from", "", "file of values (required)")
	flags.StringVar(&b.out, "out", "", "compact file to write (required)")
	flags.StringVar(&b.settings.ID, "id", "", "name of the references in verdicts (default: the file of values)")
	flags.BoolVar(&b.settings.Ordered, "ordered", false, "the rows stand in the order of their time")
	flags.IntVar(&b.settings.Bins.Count, "bins", 10, "number of bins of PSI and Jensen–Shannon, 2 to 64")
	flags.BoolVar(&b.settings.Bins.EqualWidth, "equal-width", false, "bins of equal width instead of equal share")
	flags.Float64SliceVar(&b.bounds, "range", nil, "lower and upper end of bins of equal width (default: those of the values)")
	flags.IntVar(&b.settings.MaxValues, "max-values", reference.DefaultMaxValues, "number of values beyond which a file is not read")
	for _, name := range []string{"from", "out"} {
		_ = command.MarkFlagRequired(name) // it is defined above
	}
	return command
}

// run reads, writes and tells what was made.
func (b *referenceBuild) run(ctx context.Context, out io.Writer) error {
	switch bins := b.settings.Bins.Count; {
	case bins < 2 || bins > drift.MaxBins:
		return fmt.Errorf("--bins must be 2 to %d (got %d)", drift.MaxBins, bins)
	case len(b.bounds) == 2 && b.settings.Bins.EqualWidth && b.bounds[0] < b.bounds[1]:
		b.settings.Bins.Low, b.settings.Bins.High = b.bounds[0], b.bounds[1]
	case len(b.bounds) > 0:
		return errors.New("--range needs two ascending numbers, as in --range 0,1, and --equal-width")
	}
	version, err := reference.Stat(ctx, b.from)
	if err != nil {
		return fmt.Errorf("cannot read --from: %w", err)
	}
	set, err := reference.Load(ctx, b.from, version, b.settings)
	if err != nil {
		return err
	}
	var file bytes.Buffer
	if _, err := set.WriteTo(&file); err != nil {
		return fmt.Errorf("cannot make the compact file: %w", err)
	}
	if err := reference.Write(ctx, b.out, file.Bytes()); err != nil {
		return fmt.Errorf("cannot write --out: %w", err)
	}
	return describe(out, set)
}

// describe writes a table of the references, and what no reference could be made of.
func describe(out io.Writer, set *reference.Set) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "feature\tkind\tvalues\tmissing\terror of D\thash\n")
	for _, name := range set.Names() {
		describeOne(table, name, set.Find(name))
	}
	for _, name := range slices.Sorted(maps.Keys(set.Skipped)) {
		fmt.Fprintf(table, "%s\tleft out: %v\n", name, set.Skipped[name])
	}
	return table.Flush()
}

func describeOne(table *tabwriter.Writer, name string, r *drift.Reference) {
	fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%.2g\t%s\n", name, r.Kind(), r.N(), r.Missing(), r.Error(), r.Hash())
}
