// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

#include "textflag.h"

// func Lines(address unsafe.Pointer, n int)
TEXT ·Lines(SB), NOSPLIT, $0-16
	MOVQ address+0(FP), AX
	MOVQ n+8(FP), CX
line:
	PREFETCHT0 (AX)
	ADDQ $64, AX
	DECQ CX
	JNZ line
	RET
