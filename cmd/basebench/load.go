// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"

	"github.com/llm-guardian/otelcol-guardian/internal/otlpload"
)

// load is the sending and the receiving end around one collector.
type load struct {
	sink     *otlpload.Sink
	payloads [len(otlpload.Signals)]*otlpload.Payload
	ledgers  [len(otlpload.Signals)]*otlpload.Ledger
	probe    *otlpload.Payload // one log record
	clients  [len(routes)]otlpload.Client
}

func newLoad(seed uint64) (*load, error) {
	l := &load{}
	var err error
	options := otlpload.PayloadOptions{Seed: seed, Items: itemsPerRequest, Attributes: attributesPerItem}
	for _, signal := range otlpload.Signals {
		l.ledgers[signal] = otlpload.NewLedger()
		if l.payloads[signal], err = otlpload.NewPayload(signal, options); err != nil {
			return nil, err
		}
	}
	options.Items = 1
	if l.probe, err = otlpload.NewPayload(otlpload.Logs, options); err != nil {
		return nil, err
	}
	if l.sink, err = otlpload.NewSink(); err != nil {
		return nil, err
	}
	return l, nil
}

// connect makes one client for each route of the collector.
func (l *load) connect(c *collector) error {
	var err error
	for i, r := range routes {
		if l.clients[i], err = otlpload.NewClient(r.protocol, c.endpoints[i]); err != nil {
			return err
		}
	}
	return nil
}

// sender returns a closed loop through an arm, without end.
func (l *load) sender(a arm) otlpload.Sender {
	return otlpload.Sender{
		Client: l.clients[a.route], Payload: l.payloads[a.signal], Ledger: l.ledgers[a.signal], InFlight: requestsInFlight,
	}
}

// exact returns the balances, and an error if an item was refused, is missing, or came twice.
func (l *load) exact() (balances [len(otlpload.Signals)]otlpload.Balance, err error) {
	for _, signal := range otlpload.Signals {
		balances[signal] = l.ledgers[signal].Balance(l.sink.Receipts(signal))
		if e := balances[signal].Exact(); e != nil {
			err = errors.Join(err, fmt.Errorf("ledger of %v: %w", signal, e))
		}
	}
	return balances, err
}

func (l *load) close() error {
	err := l.sink.Close()
	for _, c := range l.clients {
		if c != nil {
			err = errors.Join(err, c.Close())
		}
	}
	return err
}
