// SPDX-License-Identifier: Apache-2.0
/*
 * peer.c - memory of other devices. All addresses of a process are unified, so the library tells
 * whose an address is; nothing is looked up before a peer was made known, save for the ops that
 * read several devices' memory. Where two devices cannot reach each other the library takes a
 * copy through host memory; kernels cannot read there, and would break the context.
 */
#include "host.h"

static struct gpu_peer *find_peer(struct gpu_device *dev, int ordinal)
{
	uint32_t i;

	for (i = 0; i < dev->n_peers; i++)
		if (dev->peers[i].ordinal == ordinal)
			return &dev->peers[i];
	return NULL;
}

/* Add it, or put it in the place of what is known of its GPU. */
static int keep_peer(struct gpu_device *dev, const struct gpu_peer *peer, struct aios_status *st)
{
	struct gpu_peer *at;
	int ret = 0;

	pthread_mutex_lock(&dev->lock);
	at = find_peer(dev, peer->ordinal);
	if (at)
		*at = *peer;
	else if (dev->n_peers < GPU_PEERS)
		dev->peers[dev->n_peers++] = *peer;
	else
		ret = aios_fail(st, -ENOSPC, "peer: more than %d peers", GPU_PEERS);
	pthread_mutex_unlock(&dev->lock);
	return ret;
}

/* What is known of the device that an address belongs to; false: it is the device's own, or none's. */
static bool peer_of(struct gpu_device *dev, uint64_t addr, struct gpu_peer *out)
{
	int ordinal = dev->ordinal;
	struct gpu_peer *known;

	if (dev->api->pointer_attribute(&ordinal, GPU_POINTER_ORDINAL, addr) != GPU_OK ||
	    ordinal == dev->ordinal)
		return false;
	pthread_mutex_lock(&dev->lock);
	known = find_peer(dev, ordinal);
	*out = known ? *known : (struct gpu_peer){ .ordinal = ordinal };
	pthread_mutex_unlock(&dev->lock);
	return true;
}

static bool has_peers(struct gpu_device *dev)
{
	bool has;

	pthread_mutex_lock(&dev->lock);
	has = dev->n_peers > 0;
	pthread_mutex_unlock(&dev->lock);
	return has;
}

void gpu_peers_drop(struct gpu_device *dev)
{
	pthread_mutex_lock(&dev->lock);
	dev->n_peers = 0;
	pthread_mutex_unlock(&dev->lock);
}

/* May kernels use it? Sets peer->access. */
static int enable_peer(struct gpu_device *dev, struct gpu_peer *peer, struct aios_status *st)
{
	int can = 0, ret, result;

	peer->access = AIOS_PEER_COPY;
	ret = gpu_result(dev, dev->api->peer_can(&can, dev->ordinal, peer->ordinal),
			 dev->api->name.peer_can, st);
	if (ret || !can)
		return ret;
	result = gpu_vendor.peer_enable(dev, peer);
	if (result == GPU_PEER_UNSUPPORTED || result == GPU_TOO_MANY_PEERS)
		return 0;
	if (result != GPU_PEER_ENABLED)
		ret = gpu_result(dev, result, "access to a peer", st);
	if (ret == 0)
		peer->access = AIOS_PEER_DIRECT;
	return ret;
}

int gpu_slot_peer(void *arg, void *other, uint32_t *access, struct aios_status *st)
{
	struct gpu_device *dev = arg, *from = other;
	struct gpu_peer peer;
	int ret;

	if (!from)
		return aios_fail(st, -EINVAL, "peer: no device given");
	ret = gpu_check_lost(from, atomic_load(&from->generation), st);
	if (ret == 0)
		ret = gpu_enter(dev, atomic_load(&dev->generation), st);
	if (ret)
		return ret;
	peer = (struct gpu_peer){ .ordinal = from->ordinal, .ctx = from->ctx };
	if (peer.ordinal == dev->ordinal) { /* opened twice: one context, one memory */
		*access = AIOS_PEER_DIRECT;
	} else {
		ret = enable_peer(dev, &peer, st);
		if (ret == 0)
			ret = keep_peer(dev, &peer, st);
		*access = peer.access;
	}
	gpu_leave(dev);
	return ret;
}

int gpu_peer_copy(struct gpu_device *dev, struct gpu_queue *queue, uint64_t dst, uint64_t src,
		  uint64_t bytes, struct aios_status *st)
{
	struct gpu_peer peer;

	if (!has_peers(dev) || !peer_of(dev, src, &peer))
		return gpu_result(dev, dev->api->copy(dst, src, bytes, queue->stream),
				  dev->api->name.copy, st);
	if (!peer.access)
		return aios_fail(st, -EINVAL,
				 "copy: the source is memory of GPU %d, which GPU %d does not "
				 "know; call peer() first",
				 peer.ordinal, dev->ordinal);
	return gpu_result(dev, gpu_vendor.peer_copy(dev, &peer, dst, src, bytes, queue->stream),
			  "a copy between GPUs", st);
}

/* The parts of an op that reads other devices' memory, their number, or 0. */
static uint32_t op_parts(const struct aios_op *op, const aios_addr **parts)
{
	const union aios_op_any *any = (const void *)op;

	switch (op->type) {
	case AIOS_OP_ALL_REDUCE:
		*parts = any->all_reduce.parts;
		return any->all_reduce.out.rows ? any->all_reduce.n_ranks : 0;
	case AIOS_OP_ALL_GATHER:
		*parts = any->all_gather.parts;
		return any->all_gather.out.rows ? any->all_gather.n_ranks : 0;
	default:
		return 0;
	}
}

int gpu_peer_check(struct gpu_device *dev, const struct aios_op *op, struct aios_status *st)
{
	const aios_addr *parts = NULL;
	uint32_t n = op_parts(op, &parts), i;
	struct gpu_peer peer;

	for (i = 0; i < n; i++) {
		if (!peer_of(dev, parts[i], &peer) || peer.access == AIOS_PEER_DIRECT)
			continue;
		if (!peer.access)
			return aios_fail(st, -EINVAL,
					 "%s: part %u is memory of GPU %d, which GPU %d does not "
					 "know; call peer() first",
					 aios_op_name(op->type), i, peer.ordinal, dev->ordinal);
		return aios_fail(st, -ENOTSUP,
				 "%s: part %u is memory of GPU %d, which kernels of GPU %d cannot "
				 "read; copy it first",
				 aios_op_name(op->type), i, peer.ordinal, dev->ordinal);
	}
	return 0;
}
