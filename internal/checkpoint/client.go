// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package checkpoint

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
)

// OpenClient opens a storage client for a component that keeps something else than a state, such as a log. A file of
// file_storage is checked first, and a damaged one set aside under its name plus ".damaged", with a warning: to open it would
// end the process. The call is bounded by ctx and half a minute, and a panic is an error.
func OpenClient(ctx context.Context, ext storage.Extension, kind component.Kind, id component.ID, name string, logger *zap.Logger) (storage.Client, error) {
	if err := prepareClientFile(findStorageFile(ext, kind, id, name), logger); err != nil {
		return nil, fmt.Errorf("cannot open the storage %q: %w", name, err)
	}
	var client storage.Client
	err := (&guard{timeout: defaultTimeout}).call(ctx, func() (err error) {
		client, err = ext.GetClient(ctx, kind, id, name)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cannot open the storage %q: %w", name, err)
	}
	return client, nil
}

// prepareClientFile checks a file that is not open.
func prepareClientFile(file *storageFile, logger *zap.Logger) error {
	if file == nil {
		return nil
	}
	err := file.checkAlone()
	switch {
	case errors.Is(err, errMetaLost):
		logger.Warn("A file of the storage may have lost its last write; what it holds beside is used.", zap.String("path", file.path), zap.Error(err))
		return nil
	case errors.Is(err, errDamaged):
		logger.Warn("A file of the storage is damaged and was set aside.", zap.String("path", file.path), zap.Error(err))
		return file.setAside()
	default:
		return err
	}
}
