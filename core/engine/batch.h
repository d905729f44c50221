/* SPDX-License-Identifier: Apache-2.0 */
/*
 * batch.h - one step's ragged batch: built in a host mirror, uploaded in one copy.
 * The arrays have fixed places for the largest batch, so that addresses never
 * change between steps.
 */
#ifndef CORE_ENGINE_BATCH_H
#define CORE_ENGINE_BATCH_H

#include <aios/op.h>

#include "core/device/device.h"
#include "core/mm/arena.h"

/* Host views of the arrays; the same offsets hold on the device. */
struct batch_arrays {
	int32_t *ids, *positions, *seq_ids; /* [max_tokens] */
	int32_t *seq_start;                 /* [max_seqs + 1] */
	int32_t *seq_len;                   /* [max_seqs] */
	int32_t *logit_rows;                /* [max_logits] */
	struct aios_sample_row *sample;     /* [max_logits] */
	int32_t *block_table; /* [max_seqs][max_blocks]; last: only used rows travel */
};

struct batch {
	uint32_t max_tokens, max_seqs, max_blocks, max_logits;
	uint32_t n_tokens, n_seqs, n_logits;
	uint32_t max_q, max_kv; /* of this step */
	uint64_t bytes;         /* of the region */
	char *host;             /* the mirror */
	aios_addr device;       /* its place on the device */
	struct batch_arrays a;
};

/* Carve the region from the arena (dry or not) and make the mirror. */
int batch_init(struct batch *b, struct mm_arena *arena, uint32_t max_tokens, uint32_t max_seqs,
	       uint32_t max_blocks, uint32_t max_logits, struct aios_status *st);
void batch_finish(struct batch *b); /* takes a zeroed batch */

/* Start an empty batch. */
void batch_clear(struct batch *b);

/* A sequence joins: its block table is pages[0..n_pages), it will have kv_len keys. Then its rows follow. */
void batch_add_seq(struct batch *b, const int32_t *pages, uint32_t n_pages, uint32_t kv_len);

/* One row of the newest sequence. */
void batch_add_row(struct batch *b, int32_t id, uint32_t position);

/* Logits of the newest row are wanted; returns their index. */
uint32_t batch_add_logits(struct batch *b);

/* Upload what is used. */
int batch_upload(struct batch *b, struct queue *q, struct aios_status *st);

/* The device's view. */
void batch_view(const struct batch *b, struct aios_batch *out);

/* The device address of something inside the mirror. */
static inline aios_addr batch_addr(const struct batch *b, const void *host)
{
	return b->device + (aios_addr)((const char *)host - b->host);
}

#endif /* CORE_ENGINE_BATCH_H */
