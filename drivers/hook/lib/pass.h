/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pass.h - the part that every hook's device begins with, and slots that hand a
 * call on to the device below unchanged. An optional slot that the device below
 * lacks answers -ENOSYS through the hook as well.
 */
#ifndef HOOK_PASS_H
#define HOOK_PASS_H

#include <aios/driver/hook.h>

/* First member of every hook's device object. */
struct hook_base {
	const struct aios_host *host;
	struct aios_below below;
};

int hook_pass_quiesce(void *dev, uint64_t deadline_ns, struct aios_status *st);
int hook_pass_device_info(void *dev, struct aios_device_info *info, struct aios_status *st);
int hook_pass_heap_info(void *dev, uint32_t heap, struct aios_heap_info *info,
			struct aios_status *st);
int hook_pass_mem_alloc(void *dev, uint32_t heap, uint64_t bytes, struct aios_mem *out,
			struct aios_status *st);
void hook_pass_mem_free(void *dev, struct aios_mem *mem);
int hook_pass_queue_create(void *dev, void **queue, struct aios_status *st);
void hook_pass_queue_destroy(void *dev, void *queue);
int hook_pass_query_op(void *dev, const struct aios_op *op, struct aios_op_support *out);
int hook_pass_launch(void *dev, void *queue, const struct aios_op *op, struct aios_status *st);
int hook_pass_copy(void *dev, void *queue, uint32_t dir, uint64_t dst, uint64_t src, uint64_t bytes,
		   struct aios_status *st);
int hook_pass_fill(void *dev, void *queue, aios_addr dst, uint8_t value, uint64_t bytes,
		   struct aios_status *st);
int hook_pass_signal(void *dev, void *queue, uint64_t *value, struct aios_status *st);
int hook_pass_wait(void *dev, void *queue, uint64_t value, uint64_t deadline_ns,
		   struct aios_status *st);
int hook_pass_queue_wait(void *dev, void *queue, void *other, uint64_t value,
			 struct aios_status *st);
int hook_pass_weight_layout(void *dev, uint32_t profile, struct aios_tensor *w, uint64_t *bytes,
			    struct aios_status *st);
int hook_pass_mem_import(void *dev, const void *host, uint64_t bytes, struct aios_mem *out,
			 struct aios_status *st);
int hook_pass_graph_begin(void *dev, void *queue, struct aios_status *st);
int hook_pass_graph_end(void *dev, void *queue, void **graph, struct aios_status *st);
int hook_pass_graph_launch(void *dev, void *queue, void *graph, struct aios_status *st);
void hook_pass_graph_destroy(void *dev, void *graph);
int hook_pass_reset(void *dev, struct aios_status *st);
int hook_pass_elapsed(void *dev, void *queue, uint64_t from, uint64_t to, uint64_t *ns,
		      struct aios_status *st);
/* `peer` is a device of the same hook. */
int hook_pass_peer(void *dev, void *peer, uint32_t *access, struct aios_status *st);
int hook_pass_comm_id(void *dev, struct aios_comm_id *id, struct aios_status *st);
int hook_pass_comm_open(void *dev, const struct aios_comm_id *id, uint32_t rank, uint32_t n_ranks,
			uint64_t deadline_ns, void **comm, struct aios_status *st);
int hook_pass_comm_gather(void *dev, void *queue, void *comm, aios_addr dst, aios_addr src,
			  uint64_t bytes, uint64_t deadline_ns, struct aios_status *st);
int hook_pass_comm_check(void *dev, void *comm, struct aios_status *st);
void hook_pass_comm_close(void *dev, void *comm);

#endif /* HOOK_PASS_H */
