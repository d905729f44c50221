/* SPDX-License-Identifier: Apache-2.0 */
/* work.h - what an op costs in principle: bytes that must move, floating point operations. */
#ifndef TRACE_WORK_H
#define TRACE_WORK_H

#include "lib/operand.h"

struct trace_work {
	uint64_t read, written; /* bytes of elements; of a KV cache the keys in use */
	uint64_t flops;         /* a multiply-add is two; 0 where nobody counts */
};

/*
 * Batch arrays are not read, so that attention and rope_kv of several sequences are
 * counted as if each were as long as the longest: an upper bound.
 */
void trace_work_of(const struct aios_op *op, const struct hook_operands *list,
		   struct trace_work *out);

/* The op's shape in a few words: "[12][256] x [4096][256]". */
void trace_shape_of(const struct hook_operands *list, char *text, size_t size);

#endif /* TRACE_WORK_H */
