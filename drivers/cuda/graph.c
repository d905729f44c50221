// SPDX-License-Identifier: Apache-2.0
/*
 * graph.c - capture and replay by CUDA's stream capture. What is enqueued while a
 * queue captures goes to the same stream by the same calls; copies of pageable
 * memory keep a copy of their own (a "snapshot") as long as the graph lives.
 */
#include <stdlib.h>
#include <string.h>

#include "device.h"

int cuda_graph_begin(void *arg, void *q, struct aios_status *st)
{
	struct cuda_device *dev = arg;
	struct cuda_queue *queue = q;
	struct cuda_graph *graph;
	int ret;

	if (queue->capture)
		return aios_fail(st, -EBUSY, "graph_begin: the queue is capturing already");
	graph = calloc(1, sizeof(*graph));
	if (!graph)
		return aios_fail(st, -ENOMEM, "no memory for a graph");
	graph->generation = queue->generation;
	ret = cuda_enter(dev, queue->generation, st);
	if (ret)
		goto free_graph;
	ret = cuda_check(dev, dev->api.capture_begin(queue->stream, CUDA_CAPTURE_RELAXED),
			 "cuStreamBeginCapture", st);
	cuda_leave(dev);
	if (ret)
		goto free_graph;
	queue->capture = graph;
	return 0;

free_graph:
	free(graph);
	return ret;
}

int cuda_graph_end(void *arg, void *q, void **out, struct aios_status *st)
{
	struct cuda_device *dev = arg;
	struct cuda_queue *queue = q;
	struct cuda_graph *graph = queue->capture;
	void *recorded = NULL;
	int ret;

	if (!graph)
		return aios_fail(st, -EINVAL, "graph_end without graph_begin");
	queue->capture = NULL;
	ret = cuda_enter(dev, queue->generation, st);
	if (ret)
		goto destroy_graph;
	ret = cuda_check(dev, dev->api.capture_end(queue->stream, &recorded), "cuStreamEndCapture",
			 st);
	if (ret == 0)
		ret = cuda_check(dev, dev->api.graph_instantiate(&graph->exec, recorded, 0),
				 "cuGraphInstantiate", st);
	if (recorded)
		dev->api.graph_destroy(recorded);
	cuda_leave(dev);
	if (ret)
		goto destroy_graph;
	*out = graph;
	return 0;

destroy_graph:
	cuda_graph_destroy(dev, graph);
	return ret;
}

int cuda_graph_launch(void *arg, void *q, void *g, struct aios_status *st)
{
	struct cuda_device *dev = arg;
	struct cuda_queue *queue = q;
	struct cuda_graph *graph = g;
	int ret;

	if (queue->capture)
		return aios_fail(st, -EINVAL, "graph_launch: the queue is capturing a graph");
	ret = cuda_check_lost(dev, graph->generation, st);
	if (ret == 0)
		ret = cuda_enter(dev, queue->generation, st);
	if (ret)
		return ret;
	ret = cuda_check(dev, dev->api.graph_launch(graph->exec, queue->stream), "cuGraphLaunch",
			 st);
	cuda_leave(dev);
	return ret;
}

void cuda_graph_destroy(void *arg, void *g)
{
	struct cuda_device *dev = arg;
	struct cuda_graph *graph = g;
	struct cuda_snapshot *s, *next;
	bool alive;

	if (!graph)
		return;
	alive = cuda_enter(dev, graph->generation, NULL) == 0;
	if (alive && graph->exec)
		dev->api.graph_exec_destroy(graph->exec);
	for (s = graph->snapshots; s; s = next) {
		next = s->next;
		if (alive)
			dev->api.host_free(s->host);
		free(s);
	}
	if (alive)
		cuda_leave(dev);
	free(graph);
}

/* Pinned memory that lives as long as the graph. */
static int graph_snapshot(struct cuda_device *dev, struct cuda_graph *graph, uint64_t bytes,
			  struct cuda_snapshot **out, struct aios_status *st)
{
	struct cuda_snapshot *s = calloc(1, sizeof(*s));
	int ret;

	if (!s)
		return aios_fail(st, -ENOMEM, "no memory for a graph");
	ret = cuda_check(dev, dev->api.host_alloc(&s->host, bytes, CUDA_HOST_PORTABLE),
			 "cuMemHostAlloc of a graph's copy", st);
	if (ret) {
		free(s);
		return ret;
	}
	s->bytes = bytes;
	s->next = graph->snapshots;
	graph->snapshots = s;
	*out = s;
	return 0;
}

int cuda_graph_copy_in(struct cuda_device *dev, struct cuda_queue *queue, uint64_t dst,
		       const void *src, uint64_t bytes, struct aios_status *st)
{
	struct cuda_snapshot *s;
	int ret = graph_snapshot(dev, queue->capture, bytes, &s, st);

	if (ret)
		return ret;
	memcpy(s->host, src, bytes);
	return cuda_check(dev, dev->api.copy_in(dst, s->host, bytes, queue->stream),
			  "cuMemcpyHtoDAsync", st);
}

/* Runs in a thread of CUDA's at each replay. */
static void graph_deliver(void *arg)
{
	const struct cuda_snapshot *s = arg;

	memcpy(s->dst, s->host, s->bytes);
}

int cuda_graph_copy_out(struct cuda_device *dev, struct cuda_queue *queue, void *dst, uint64_t src,
			uint64_t bytes, struct aios_status *st)
{
	struct cuda_snapshot *s;
	int ret = graph_snapshot(dev, queue->capture, bytes, &s, st);

	if (ret)
		return ret;
	s->dst = dst;
	ret = cuda_check(dev, dev->api.copy_out(s->host, src, bytes, queue->stream),
			 "cuMemcpyDtoHAsync", st);
	if (ret)
		return ret;
	return cuda_check(dev, dev->api.host_call(queue->stream, graph_deliver, s),
			  "cuLaunchHostFunc", st);
}
