// SPDX-License-Identifier: Apache-2.0
/*
 * graph.c - capture and replay by the vendor's stream capture. What is enqueued while a
 * queue captures goes to the same stream by the same calls; copies of pageable
 * memory keep a copy of their own (a "snapshot") as long as the graph lives.
 */
#include <stdlib.h>
#include <string.h>

#include "host.h"

/* Has the library all that graphs need? */
static bool graph_calls(const struct gpu_api *api)
{
	return api->capture_begin && api->capture_end && api->graph_instantiate &&
	       api->graph_launch && api->graph_destroy && api->graph_exec_destroy;
}

int gpu_slot_graph_begin(void *arg, void *q, struct aios_status *st)
{
	struct gpu_device *dev = arg;
	struct gpu_queue *queue = q;
	struct gpu_graph *graph;
	int ret;

	if (queue->capture)
		return aios_fail(st, -EBUSY, "graph_begin: the queue is capturing already");
	if (!graph_calls(dev->api))
		return aios_fail(st, -ENOTSUP, "graph_begin: %s has no graphs", dev->api->runtime);
	graph = calloc(1, sizeof(*graph));
	if (!graph)
		return aios_fail(st, -ENOMEM, "no memory for a graph");
	graph->generation = queue->generation;
	ret = gpu_queue_enter(dev, queue, st);
	if (ret)
		goto free_graph;
	ret = gpu_result(dev, dev->api->capture_begin(queue->stream, GPU_CAPTURE_RELAXED),
			 dev->api->name.capture_begin, st);
	gpu_leave(dev);
	if (ret)
		goto free_graph;
	queue->capture = graph;
	return 0;

free_graph:
	free(graph);
	return ret;
}

int gpu_slot_graph_end(void *arg, void *q, void **out, struct aios_status *st)
{
	struct gpu_device *dev = arg;
	struct gpu_queue *queue = q;
	struct gpu_graph *graph = queue->capture;
	void *recorded = NULL;
	int ret;

	if (!graph)
		return aios_fail(st, -EINVAL, "graph_end without graph_begin");
	queue->capture = NULL;
	ret = gpu_queue_enter(dev, queue, st);
	if (ret)
		goto destroy_graph;
	ret = gpu_result(dev, dev->api->capture_end(queue->stream, &recorded),
			 dev->api->name.capture_end, st);
	if (ret == 0)
		ret = gpu_result(dev, dev->api->graph_instantiate(&graph->exec, recorded, 0),
				 dev->api->name.graph_instantiate, st);
	if (recorded)
		dev->api->graph_destroy(recorded);
	gpu_leave(dev);
	if (ret)
		goto destroy_graph;
	*out = graph;
	return 0;

destroy_graph:
	gpu_slot_graph_destroy(dev, graph);
	return ret;
}

int gpu_slot_graph_launch(void *arg, void *q, void *g, struct aios_status *st)
{
	struct gpu_device *dev = arg;
	struct gpu_queue *queue = q;
	struct gpu_graph *graph = g;
	int ret;

	if (queue->capture)
		return aios_fail(st, -EINVAL, "graph_launch: the queue is capturing a graph");
	ret = gpu_check_lost(dev, graph->generation, st);
	if (ret == 0)
		ret = gpu_queue_enter(dev, queue, st);
	if (ret)
		return ret;
	ret = gpu_result(dev, dev->api->graph_launch(graph->exec, queue->stream),
			 dev->api->name.graph_launch, st);
	gpu_leave(dev);
	return ret;
}

void gpu_slot_graph_destroy(void *arg, void *g)
{
	struct gpu_device *dev = arg;
	struct gpu_graph *graph = g;
	struct gpu_snapshot *s, *next;
	bool alive;

	if (!graph)
		return;
	alive = gpu_enter(dev, graph->generation, NULL) == 0;
	if (alive && graph->exec)
		dev->api->graph_exec_destroy(graph->exec);
	for (s = graph->snapshots; s; s = next) {
		next = s->next;
		if (alive)
			dev->api->host_free(s->host);
		free(s);
	}
	if (alive)
		gpu_leave(dev);
	free(graph);
}

/* Pinned memory that lives as long as the graph. */
static int graph_snapshot(struct gpu_device *dev, struct gpu_graph *graph, uint64_t bytes,
			  struct gpu_snapshot **out, struct aios_status *st)
{
	struct gpu_snapshot *s = calloc(1, sizeof(*s));
	int ret;

	if (!s)
		return aios_fail(st, -ENOMEM, "no memory for a graph");
	ret = gpu_result(dev, dev->api->host_alloc(&s->host, bytes, GPU_HOST_PORTABLE),
			 dev->api->name.host_alloc, st);
	if (ret) {
		free(s);
		return ret;
	}
	s->next = graph->snapshots;
	graph->snapshots = s;
	*out = s;
	return 0;
}

int gpu_graph_copy_in(struct gpu_device *dev, struct gpu_queue *queue, uint64_t dst,
		      const void *src, uint64_t bytes, struct aios_status *st)
{
	struct gpu_snapshot *s;
	int ret = graph_snapshot(dev, queue->capture, bytes, &s, st);

	if (ret)
		return ret;
	memcpy(s->host, src, bytes);
	return gpu_result(dev, dev->api->copy_in(dst, s->host, bytes, queue->stream),
			  dev->api->name.copy_in, st);
}

int gpu_graph_copy_out(struct gpu_device *dev, struct gpu_queue *queue, void *dst, uint64_t src,
		       uint64_t bytes, struct aios_status *st)
{
	struct gpu_snapshot *s;
	int ret = graph_snapshot(dev, queue->capture, bytes, &s, st);

	if (ret)
		return ret;
	s->delivery = (struct gpu_delivery){ .dst = dst, .src = s->host, .bytes = bytes };
	ret = gpu_result(dev, dev->api->copy_out(s->host, src, bytes, queue->stream),
			 dev->api->name.copy_out, st);
	if (ret)
		return ret;
	return gpu_deliver(dev, queue, &s->delivery, st);
}
