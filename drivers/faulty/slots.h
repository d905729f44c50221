/* SPDX-License-Identifier: Apache-2.0 */
/* slots.h - the driver's own slots, and what stands before cpu-ref's objects. */
#ifndef FAULTY_SLOTS_H
#define FAULTY_SLOTS_H

#include "plain.h"

/* Work that was taken and not done: an op, or a copy to the device. */
struct faulty_later {
	bool waiting;
	struct aios_op *op; /* malloc'ed copy; NULL: a copy */
	const void *queue;  /* BUG_QU_CROSS: the queue it was launched on */
	uint64_t dst, src, bytes;
};

struct faulty_device {
	struct ref_device *below;
	struct faulty_later later;
	/* BUG_ME_OVERLAP: where small allocations come from, never given back before close. */
	struct aios_mem arena;
	uint64_t arena_at;
};

#define FROZEN 8 /* arrays that BUG_GR_FROZEN copies in one graph at most */

struct faulty_queue {
	struct ref_queue *below;
	struct faulty_later captured; /* BUG_GR_LAST: the op captured last */
	int32_t *frozen[FROZEN];      /* go to the graph when it ends */
	uint32_t n_frozen;
	uint64_t signals;
	void *ring; /* BUG_QU_LEAK: malloc'ed */
};

struct faulty_graph {
	struct ref_graph *below;
	int32_t *frozen[FROZEN]; /* malloc'ed */
	uint32_t launches;
};

/* Do what waits. 0 or the errno of the work. */
int faulty_flush(struct faulty_device *dev, struct aios_status *st);
void faulty_forget(struct faulty_later *later); /* free it; nothing is done */

/* memory.c */
int faulty_heap_info(void *dev, uint32_t heap, struct aios_heap_info *info, struct aios_status *st);
int faulty_mem_alloc(void *dev, uint32_t heap, uint64_t bytes, struct aios_mem *out,
		     struct aios_status *st);
int faulty_mem_import(void *dev, const void *host, uint64_t bytes, struct aios_mem *out,
		      struct aios_status *st);
void faulty_mem_free(void *dev, struct aios_mem *mem);

/* queue.c */
int faulty_queue_create(void *dev, void **queue, struct aios_status *st);
void faulty_queue_destroy(void *dev, void *queue);
int faulty_query_op(void *dev, const struct aios_op *op, struct aios_op_support *out);
int faulty_launch(void *dev, void *queue, const struct aios_op *op, struct aios_status *st);
int faulty_copy(void *dev, void *queue, uint32_t dir, uint64_t dst, uint64_t src, uint64_t bytes,
		struct aios_status *st);
int faulty_fill(void *dev, void *queue, aios_addr dst, uint8_t value, uint64_t bytes,
		struct aios_status *st);
int faulty_signal(void *dev, void *queue, uint64_t *value, struct aios_status *st);
int faulty_wait(void *dev, void *queue, uint64_t value, uint64_t deadline_ns,
		struct aios_status *st);
int faulty_queue_wait(void *dev, void *queue, void *other, uint64_t value, struct aios_status *st);
int faulty_graph_begin(void *dev, void *queue, struct aios_status *st);
int faulty_graph_end(void *dev, void *queue, void **graph, struct aios_status *st);
int faulty_graph_launch(void *dev, void *queue, void *graph, struct aios_status *st);
void faulty_graph_destroy(void *dev, void *graph);

#endif /* FAULTY_SLOTS_H */
