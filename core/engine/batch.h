/* SPDX-License-Identifier: Apache-2.0 */
/*
 * batch.h - one step's ragged batch: built in a host mirror, uploaded in one copy.
 * batch_begin() lays the arrays out tightly for the step's counts, so only what is
 * used travels, and the same counts give the same addresses (a captured graph
 * relies on that).
 */
#ifndef CORE_ENGINE_BATCH_H
#define CORE_ENGINE_BATCH_H

#include <aios/op.h>

#include "core/device/device.h"
#include "core/mm/arena.h"

/* Counts that a layout is made for. */
struct batch_size {
	uint32_t tokens, seqs, logits;
	uint32_t blocks; /* columns of the block table */
};

/* Host views of the arrays; the same offsets hold on the device. */
struct batch_arrays {
	int32_t *ids, *positions, *seq_ids; /* [tokens] */
	int32_t *seq_start;                 /* [seqs + 1] */
	int32_t *seq_len;                   /* [seqs] */
	int32_t *logit_rows;                /* [logits] */
	struct aios_sample_row *sample;     /* [logits] */
	int32_t *block_table;               /* [seqs][blocks] */
};

struct batch {
	struct batch_size max, size; /* of the region; of this step's layout */
	uint32_t n_tokens, n_seqs, n_logits;
	uint32_t max_q, max_kv; /* of this step; may be raised before the view is taken */
	uint64_t bytes, used;   /* of the region; of this step's layout */
	char *host; /* the mirror in use, one of two: a step may be built while one is uploaded */
	char *mirrors;          /* [2][bytes]: pinned memory where the device has it */
	uint32_t turn;          /* which is in use */
	struct aios_mem pinned; /* the mirrors' memory, when it is */
	struct device *owner;   /* of `pinned` */
	aios_addr device;       /* the region on the device */
	struct batch_arrays a;
};

/*
 * Carve the region from the arena (dry or not) and make the mirror. `max` bounds
 * every later batch_begin().
 */
int batch_init(struct batch *b, struct mm_arena *arena, const struct batch_size *max,
	       struct aios_status *st);
void batch_finish(struct batch *b); /* takes a zeroed batch */

/* Start an empty batch with room for these counts, each at most the maximum, in the other mirror. */
void batch_begin(struct batch *b, const struct batch_size *size);

/*
 * A sequence joins: its block table is pages[0..n_pages), the first n_gone of which no row sees (any
 * page will do there), it will have kv_len keys. Then its rows follow.
 */
void batch_add_seq(struct batch *b, const int32_t *pages, uint32_t n_gone, uint32_t n_pages,
		   uint32_t kv_len);

/* One row of the newest sequence. */
void batch_add_row(struct batch *b, int32_t id, uint32_t position);

/* Logits of the newest row are wanted; returns their index. */
uint32_t batch_add_logits(struct batch *b);

/*
 * Fill a decode batch (one row and one logits row a sequence) up to its layout's
 * counts with padding: empty sequences, rows at position -1, no logits row.
 */
void batch_pad(struct batch *b);

/* Upload the layout. */
int batch_upload(struct batch *b, struct queue *q, struct aios_status *st);

/* The device's view. */
void batch_view(const struct batch *b, struct aios_batch *out);

/* The device address of something inside the mirror. */
static inline aios_addr batch_addr(const struct batch *b, const void *host)
{
	return b->device + (aios_addr)((const char *)host - b->host);
}

#endif /* CORE_ENGINE_BATCH_H */
