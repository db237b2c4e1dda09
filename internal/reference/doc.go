// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package reference reads what windows of production are compared with: a file of values, a column for each feature, or the compact
// file that Build makes of one.
//
// A file is Parquet, CSV with a header, or JSON Lines, by its content. The name of a column, or a path of keys with dots between
// them, is the name of a feature; the prefix "features." may be there or not, and a Parquet column that is a map has a feature for
// each of its keys. A column of numbers makes a numeric reference, any other a categorical one; empty cells, null, NaN and absent
// keys are missing values. Columns that hold the identity of a record rather than something of it (ids, times, the model's name)
// are left out.
//
// Files lie in the file system, or in an object store under a URL (s3, gs, file) that gocloud.dev opens.
package reference
