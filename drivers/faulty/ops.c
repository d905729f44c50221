// SPDX-License-Identifier: Apache-2.0
/*
 * ops.c - bugs that are another descriptor, or another order of two launches.
 */
#include <stdlib.h>
#include <string.h>

#include "plain.h"

#include "ops.h"  /* include-ok: cpu-ref's */
#include "rows.h" /* include-ok: cpu-ref's */

/* A copy of n row numbers, changed by the caller, who frees it. */
static int32_t *rows_of(aios_addr rows, uint32_t n, struct aios_status *st)
{
	int32_t *copy = malloc(((size_t)n + 1) * sizeof(*copy));

	if (copy && n)
		memcpy(copy, ref_ptr(rows), n * sizeof(*copy));
	else if (!copy)
		aios_fail(st, -ENOMEM, "no memory for %u row numbers", n);
	return copy;
}

int faulty_run_embed(struct ref_device *dev, const struct aios_op *op, struct aios_status *st)
{
	struct aios_op_embed e = *(const struct aios_op_embed *)op;
	int32_t *ids;
	uint32_t i;
	int ret;

	if (faulty_has(BUG_EM_SCALE))
		e.scale = 1.0f;
	if (faulty_has(BUG_EM_16BIT) && e.n_tokens > 65536)
		e.n_tokens = 65536;
	if (!faulty_has(BUG_EM_RANGE))
		return ref_run_embed(dev, &e.op, st);
	ids = rows_of(e.ids, e.n_tokens, st);
	if (!ids)
		return -ENOMEM;
	for (i = 0; i < e.n_tokens; i++)
		if (ids[i] != -1 && (uint32_t)ids[i] >= e.table.rows)
			ids[i] = (int32_t)e.table.rows - 1;
	e.ids = (uint64_t)(uintptr_t)ids;
	ret = ref_run_embed(dev, &e.op, st);
	free(ids);
	return ret;
}

int faulty_run_gather_rows(struct ref_device *dev, const struct aios_op *op, struct aios_status *st)
{
	struct aios_op_gather_rows g = *(const struct aios_op_gather_rows *)op;
	int32_t *rows;
	uint32_t i;
	int ret;

	if (!faulty_has(BUG_GA_MINUS_ONE))
		return ref_run_gather_rows(dev, op, st);
	rows = rows_of(g.rows, g.n_rows, st);
	if (!rows)
		return -ENOMEM;
	for (i = 0; i < g.n_rows; i++)
		if (rows[i] == -1)
			rows[i] = 0;
	g.rows = (uint64_t)(uintptr_t)rows;
	ret = ref_run_gather_rows(dev, &g.op, st);
	free(rows);
	return ret;
}

int faulty_run_copy_pages(struct ref_device *dev, const struct aios_op *op, struct aios_status *st)
{
	struct aios_op_copy_pages p = *(const struct aios_op_copy_pages *)op;

	if (faulty_has(BUG_CP_K_ONLY))
		p.kv.v = p.kv.k;
	return ref_run_copy_pages(dev, &p.op, st);
}

int faulty_run_all_gather(struct ref_device *dev, const struct aios_op *op, struct aios_status *st)
{
	struct aios_op_all_gather a = *(const struct aios_op_all_gather *)op;
	aios_addr first = a.parts[0];

	if (faulty_has(BUG_AG_ORDER) && a.n_ranks > 1) {
		a.parts[0] = a.parts[1];
		a.parts[1] = first;
	}
	return ref_run_all_gather(dev, &a.op, st);
}

/* The penalties first, then the biases alone. */
static int logits_bias_last(struct ref_device *dev, struct aios_op_logits *l,
			    struct aios_status *st)
{
	uint32_t n = l->logits.rows, i;
	struct aios_sample_row *rows = malloc(2 * ((size_t)n + 1) * sizeof(*rows));
	struct aios_sample_row *biases = rows + n;
	int ret;

	if (!rows)
		return aios_fail(st, -ENOMEM, "no memory for %u rows of parameters", n);
	memcpy(rows, ref_ptr(l->params), n * sizeof(*rows));
	memcpy(biases, rows, n * sizeof(*rows));
	for (i = 0; i < n; i++) {
		rows[i].bias_n = 0;
		biases[i].counts_n = 0;
	}
	l->params = (uint64_t)(uintptr_t)rows;
	ret = ref_run_logits(dev, &l->op, st);
	l->params = (uint64_t)(uintptr_t)biases;
	l->softcap = 0.0f;
	if (!ret)
		ret = ref_run_logits(dev, &l->op, st);
	free(rows);
	return ret;
}

int faulty_run_logits(struct ref_device *dev, const struct aios_op *op, struct aios_status *st)
{
	struct aios_op_logits l = *(const struct aios_op_logits *)op;

	if (faulty_has(BUG_LG_BIAS) && l.params)
		return logits_bias_last(dev, &l, st);
	return ref_run_logits(dev, op, st);
}
