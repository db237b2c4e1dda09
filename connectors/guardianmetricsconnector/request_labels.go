// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import "encoding/binary"

// requestLabels are all that series of requests are told apart by.
type requestLabels struct {
	specialist, complexity string
	tier                   string // "" if it is not known yet
	model, version         string
	endpoint               string
	operation, provider    string
	errorType              string // "" of a request that succeeded
	batchSize, sequence    string // "" unless they are labels
}

// all gives the labels in the order in which they are packed.
func (l *requestLabels) all() [11]*string {
	return [...]*string{
		&l.specialist, &l.complexity, &l.tier, &l.model, &l.version, &l.endpoint, &l.operation, &l.provider, &l.errorType,
		&l.batchSize, &l.sequence,
	}
}

// pack appends the labels, each behind its length: a key that is compared and hashed in one go.
func (l *requestLabels) pack(dst []byte) []byte {
	for _, label := range l.all() {
		dst = binary.AppendUvarint(dst, uint64(len(*label)))
		dst = append(dst, *label...)
	}
	return dst
}

// unpack reads what pack has written. The labels are parts of the key.
func (l *requestLabels) unpack(key string) {
	for _, label := range l.all() {
		length, n := binary.Uvarint([]byte(key[:min(len(key), binary.MaxVarintLen64)]))
		key = key[n:]
		*label, key = key[:length], key[length:]
	}
}
