// SPDX-License-Identifier: Apache-2.0
/* pass.c - see pass.h. */
#include "lib/pass.h"

static const struct aios_below *below(void *dev)
{
	return &((struct hook_base *)dev)->below;
}

int hook_pass_quiesce(void *dev, uint64_t deadline_ns, struct aios_status *st)
{
	return below(dev)->ops->quiesce(below(dev)->dev, deadline_ns, st);
}

int hook_pass_device_info(void *dev, struct aios_device_info *info, struct aios_status *st)
{
	return below(dev)->ops->device_info(below(dev)->dev, info, st);
}

int hook_pass_heap_info(void *dev, uint32_t heap, struct aios_heap_info *info,
			struct aios_status *st)
{
	return below(dev)->ops->heap_info(below(dev)->dev, heap, info, st);
}

int hook_pass_mem_alloc(void *dev, uint32_t heap, uint64_t bytes, struct aios_mem *out,
			struct aios_status *st)
{
	return below(dev)->ops->mem_alloc(below(dev)->dev, heap, bytes, out, st);
}

void hook_pass_mem_free(void *dev, struct aios_mem *mem)
{
	below(dev)->ops->mem_free(below(dev)->dev, mem);
}

int hook_pass_queue_create(void *dev, void **queue, struct aios_status *st)
{
	return below(dev)->ops->queue_create(below(dev)->dev, queue, st);
}

void hook_pass_queue_destroy(void *dev, void *queue)
{
	below(dev)->ops->queue_destroy(below(dev)->dev, queue);
}

int hook_pass_query_op(void *dev, const struct aios_op *op, struct aios_op_support *out)
{
	return below(dev)->ops->query_op(below(dev)->dev, op, out);
}

int hook_pass_launch(void *dev, void *queue, const struct aios_op *op, struct aios_status *st)
{
	return below(dev)->ops->launch(below(dev)->dev, queue, op, st);
}

int hook_pass_copy(void *dev, void *queue, uint32_t dir, uint64_t dst, uint64_t src, uint64_t bytes,
		   struct aios_status *st)
{
	return below(dev)->ops->copy(below(dev)->dev, queue, dir, dst, src, bytes, st);
}

int hook_pass_fill(void *dev, void *queue, aios_addr dst, uint8_t value, uint64_t bytes,
		   struct aios_status *st)
{
	return below(dev)->ops->fill(below(dev)->dev, queue, dst, value, bytes, st);
}

int hook_pass_signal(void *dev, void *queue, uint64_t *value, struct aios_status *st)
{
	return below(dev)->ops->signal(below(dev)->dev, queue, value, st);
}

int hook_pass_wait(void *dev, void *queue, uint64_t value, uint64_t deadline_ns,
		   struct aios_status *st)
{
	return below(dev)->ops->wait(below(dev)->dev, queue, value, deadline_ns, st);
}

int hook_pass_queue_wait(void *dev, void *queue, void *other, uint64_t value,
			 struct aios_status *st)
{
	return below(dev)->ops->queue_wait(below(dev)->dev, queue, other, value, st);
}

int hook_pass_weight_layout(void *dev, uint32_t profile, struct aios_tensor *w, uint64_t *bytes,
			    struct aios_status *st)
{
	return below(dev)->ops->weight_layout(below(dev)->dev, profile, w, bytes, st);
}

int hook_pass_mem_import(void *dev, const void *host, uint64_t bytes, struct aios_mem *out,
			 struct aios_status *st)
{
	return below(dev)->ops->mem_import(below(dev)->dev, host, bytes, out, st);
}

int hook_pass_graph_begin(void *dev, void *queue, struct aios_status *st)
{
	return below(dev)->ops->graph_begin(below(dev)->dev, queue, st);
}

int hook_pass_graph_end(void *dev, void *queue, void **graph, struct aios_status *st)
{
	return below(dev)->ops->graph_end(below(dev)->dev, queue, graph, st);
}

int hook_pass_graph_launch(void *dev, void *queue, void *graph, struct aios_status *st)
{
	return below(dev)->ops->graph_launch(below(dev)->dev, queue, graph, st);
}

void hook_pass_graph_destroy(void *dev, void *graph)
{
	below(dev)->ops->graph_destroy(below(dev)->dev, graph);
}

int hook_pass_reset(void *dev, struct aios_status *st)
{
	return below(dev)->ops->reset(below(dev)->dev, st);
}

int hook_pass_elapsed(void *dev, void *queue, uint64_t from, uint64_t to, uint64_t *ns,
		      struct aios_status *st)
{
	return below(dev)->ops->elapsed(below(dev)->dev, queue, from, to, ns, st);
}

int hook_pass_peer(void *dev, void *peer, uint32_t *access, struct aios_status *st)
{
	return below(dev)->ops->peer(below(dev)->dev, below(peer)->dev, access, st);
}

int hook_pass_comm_id(void *dev, struct aios_comm_id *id, struct aios_status *st)
{
	return below(dev)->ops->comm_id(below(dev)->dev, id, st);
}

int hook_pass_comm_open(void *dev, const struct aios_comm_id *id, uint32_t rank, uint32_t n_ranks,
			uint64_t deadline_ns, void **comm, struct aios_status *st)
{
	return below(dev)->ops->comm_open(below(dev)->dev, id, rank, n_ranks, deadline_ns, comm,
					  st);
}

int hook_pass_comm_gather(void *dev, void *queue, void *comm, aios_addr dst, aios_addr src,
			  uint64_t bytes, uint64_t deadline_ns, struct aios_status *st)
{
	return below(dev)->ops->comm_gather(below(dev)->dev, queue, comm, dst, src, bytes,
					    deadline_ns, st);
}

int hook_pass_comm_check(void *dev, void *comm, struct aios_status *st)
{
	return below(dev)->ops->comm_check(below(dev)->dev, comm, st);
}

void hook_pass_comm_close(void *dev, void *comm)
{
	below(dev)->ops->comm_close(below(dev)->dev, comm);
}
