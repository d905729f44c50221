// SPDX-License-Identifier: Apache-2.0
#include "core/device/comm.h"

#include <string.h>

#include "core/lib/clock.h"

/* As device.c's: name the slot, note a lost device. */
static int comm_result(struct device *dev, const char *slot, int rc, struct aios_status *st)
{
	if (rc >= 0)
		return rc;
	if (rc == -AIOS_DEVICE_LOST)
		dev->lost = true;
	if (st) {
		if (st->code == 0)
			aios_fail(st, rc, "%s failed: %s", slot, strerror(-rc));
		snprintf(st->where, sizeof(st->where), "driver %s: %s", dev->driver, slot);
	}
	return rc;
}

int comm_name(struct device *dev, struct aios_comm_id *id, struct aios_status *st)
{
	memset(id, 0, sizeof(*id));
	aios_status_clear(st);
	return comm_result(dev, "comm_id", dev->ops->comm_id(dev->dev, id, st), st);
}

int comm_open(struct device *dev, const struct aios_comm_id *id, uint32_t rank, uint32_t n_ranks,
	      uint64_t timeout_ns, struct comm *out, struct aios_status *st)
{
	int rc;

	memset(out, 0, sizeof(*out));
	aios_status_clear(st);
	rc = comm_result(dev, "comm_open",
			 dev->ops->comm_open(dev->dev, id, rank, n_ranks, clock_ns() + timeout_ns,
					     &out->comm, st),
			 st);
	if (rc < 0)
		return rc;
	out->device = device_get(dev);
	out->rank = rank;
	out->n_ranks = n_ranks;
	return 0;
}

void comm_close(struct comm *c)
{
	if (!c->device)
		return;
	c->device->ops->comm_close(c->device->dev, c->comm);
	device_put(c->device);
	memset(c, 0, sizeof(*c));
}

int comm_gather(struct comm *c, struct queue *q, aios_addr dst, aios_addr src, uint64_t bytes,
		uint64_t timeout_ns, struct aios_status *st)
{
	struct device *dev = c->device;

	aios_status_clear(st);
	return comm_result(dev, "comm_gather",
			   dev->ops->comm_gather(dev->dev, q->queue, c->comm, dst, src, bytes,
						 clock_ns() + timeout_ns, st),
			   st);
}

int comm_all_reduce(struct comm *c, struct queue *q, const struct aios_tensor *part, aios_addr room,
		    const struct aios_tensor *out, uint64_t timeout_ns, struct aios_status *st)
{
	struct aios_op_all_reduce op = {
		.op = AIOS_OP_INIT(struct aios_op_all_reduce, AIOS_OP_ALL_REDUCE),
		.n_ranks = c->n_ranks,
		.out = *out,
	};
	uint64_t bytes = part->rows * part->row_bytes;
	int rc;

	if (part->dtype != AIOS_F32 || part->rows != out->rows || part->cols != out->cols ||
	    part->row_bytes != out->row_bytes)
		return aios_fail(st, -EINVAL,
				 "all_reduce: a part of %u x %u %s; expected out's %u x %u f32",
				 part->rows, part->cols, aios_dtype_name(part->dtype), out->rows,
				 out->cols);
	rc = comm_gather(c, q, room, part->data, bytes, timeout_ns, st);
	if (rc < 0)
		return rc;
	for (uint32_t r = 0; r < c->n_ranks && r < AIOS_MAX_RANKS; r++)
		op.parts[r] = room + r * bytes;
	return queue_launch(q, &op.op, st);
}

int comm_check(struct comm *c, struct aios_status *st)
{
	struct device *dev = c->device;

	aios_status_clear(st);
	return comm_result(dev, "comm_check", dev->ops->comm_check(dev->dev, c->comm, st), st);
}
