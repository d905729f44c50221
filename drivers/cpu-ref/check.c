// SPDX-License-Identifier: Apache-2.0
/*
 * check.c - see check.h.
 */
#include <stdarg.h>
#include <stdio.h>

#include "check.h"

#define CHECK_ALIGN 16

bool ref_no(struct ref_check *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->out->reason, sizeof(c->out->reason), fmt, ap);
	va_end(ap);
	return false;
}

bool ref_check_dtype(struct ref_check *c, const char *name, uint32_t dtype, uint32_t types)
{
	if (dtype < AIOS_DTYPE_COUNT && (types & REF_T(dtype)))
		return true;
	return ref_no(c, "%s is of type %s (%u)", name, aios_dtype_name(dtype), dtype);
}

bool ref_check_addr(struct ref_check *c, const char *name, aios_addr addr)
{
	if (!c->launch)
		return true;
	if (!addr)
		return ref_no(c, "%s has no address", name);
	if (addr % CHECK_ALIGN)
		return ref_no(c, "%s at 0x%llx is not aligned to %d bytes", name,
			      (unsigned long long)addr, CHECK_ALIGN);
	return true;
}

bool ref_check_tensor(struct ref_check *c, const char *name, const struct aios_tensor *t,
		      uint32_t types, uint32_t rows, uint32_t cols)
{
	uint64_t need = (uint64_t)t->cols * aios_dtype_bytes(t->dtype);

	if (!ref_check_dtype(c, name, t->dtype, types))
		return false;
	if (t->layout != AIOS_LAYOUT_ROWS)
		return ref_no(c, "%s has layout %u; only plain rows", name, t->layout);
	if ((rows != REF_ANY && t->rows != rows) || (cols != REF_ANY && t->cols != cols))
		return ref_no(c, "%s is [%u][%u], expected [%d][%d]", name, t->rows, t->cols,
			      (int)rows, (int)cols);
	if (t->cols == 0)
		return ref_no(c, "%s has no columns", name);
	if (t->row_bytes % CHECK_ALIGN || t->row_bytes < need || t->row_bytes > UINT64_MAX >> 33)
		return ref_no(c, "%s.row_bytes is %llu, expected a multiple of %d from %llu on",
			      name, (unsigned long long)t->row_bytes, CHECK_ALIGN,
			      (unsigned long long)need);
	if (t->dtype == AIOS_I8X2 && (t->plane_bytes % CHECK_ALIGN || t->plane_bytes < need))
		return ref_no(c, "%s.plane_bytes is %llu, expected a multiple of %d from %llu on",
			      name, (unsigned long long)t->plane_bytes, CHECK_ALIGN,
			      (unsigned long long)need);
	if (t->rows == 0)
		return true;
	if (aios_dtype_scaled(t->dtype) && !ref_check_addr(c, name, t->scale))
		return false;
	return ref_check_addr(c, name, t->data);
}

bool ref_check_power(struct ref_check *c, const char *name, uint32_t n, uint32_t max)
{
	if (n == 0 || (n & (n - 1)) || n > max)
		return ref_no(c, "%s is %u, expected a power of two up to %u", name, n, max);
	return true;
}

bool ref_check_kv(struct ref_check *c, const struct aios_kv_layer *kv, uint32_t n_heads)
{
	if (!ref_check_dtype(c, "kv", kv->dtype, REF_HALF))
		return false;
	if (kv->n_kv_heads == 0 || n_heads % kv->n_kv_heads)
		return ref_no(c, "%u heads over %u KV heads: not a multiple", n_heads,
			      kv->n_kv_heads);
	if (kv->head_dim == 0 || kv->head_dim % 8 || kv->head_dim > REF_MAX_HEAD_DIM)
		return ref_no(c, "head_dim is %u, expected a multiple of 8 up to %u", kv->head_dim,
			      REF_MAX_HEAD_DIM);
	if (kv->page_size == 0 || kv->n_pages == 0 || kv->n_pages > INT32_MAX)
		return ref_no(c, "kv has %u pages of %u keys", kv->n_pages, kv->page_size);
	return ref_check_addr(c, "kv.k", kv->k) && ref_check_addr(c, "kv.v", kv->v);
}

bool ref_check_batch(struct ref_check *c, const struct aios_batch *b)
{
	if (b->n_tokens == 0)
		return true;
	if (b->n_tokens > INT32_MAX || b->n_seqs == 0 || b->n_seqs > INT32_MAX)
		return ref_no(c, "a batch of %u rows of %u sequences", b->n_tokens, b->n_seqs);
	if (b->max_blocks == 0)
		return ref_no(c, "the batch's block table has no columns");
	return ref_check_addr(c, "batch.positions", b->positions) &&
	       ref_check_addr(c, "batch.seq_ids", b->seq_ids) &&
	       ref_check_addr(c, "batch.seq_start", b->seq_start) &&
	       ref_check_addr(c, "batch.seq_len", b->seq_len) &&
	       ref_check_addr(c, "batch.block_table", b->block_table);
}

bool ref_check_scratch(struct ref_check *c, const struct aios_scratch *s, uint64_t bytes)
{
	c->out->scratch_bytes = bytes;
	if (!c->launch || !bytes)
		return true;
	if (s->bytes < bytes)
		return ref_no(c, "scratch has %llu bytes, expected %llu",
			      (unsigned long long)s->bytes, (unsigned long long)bytes);
	return ref_check_addr(c, "scratch", s->data);
}
