// SPDX-License-Identifier: Apache-2.0
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "mock_device.h"

static int mock_probe(const struct aios_host *host, struct aios_device_desc *out, uint32_t cap,
		      struct aios_status *st)
{
	(void)host;
	(void)out;
	(void)cap;
	(void)st;
	return 0;
}

static int mock_dev_open(const struct aios_host *host, uint32_t index, void **dev,
			 struct aios_status *st)
{
	(void)index;
	(void)st;
	*dev = (void *)(uintptr_t)host->ctx;
	return 0;
}

static int mock_quiesce(void *dev, uint64_t deadline_ns, struct aios_status *st)
{
	(void)dev;
	(void)deadline_ns;
	(void)st;
	return 0;
}

static void mock_dev_close(void *dev)
{
	(void)dev;
}

static int mock_info(void *dev, struct aios_device_info *info, struct aios_status *st)
{
	(void)dev;
	(void)st;
	snprintf(info->id, sizeof(info->id), "mock:0");
	return 0;
}

static int mock_heap_info(void *dev, uint32_t heap, struct aios_heap_info *info,
			  struct aios_status *st)
{
	(void)dev;
	(void)heap;
	(void)st;
	info->total = 1u << 30;
	info->free = 1u << 30;
	return 0;
}

static int mock_alloc(void *arg, uint32_t heap, uint64_t bytes, struct aios_mem *out,
		      struct aios_status *st)
{
	struct mock_device *mock = arg;

	(void)st;
	if (mock->fail_alloc > 0 && --mock->fail_alloc == 0)
		return -AIOS_EXHAUSTED;
	out->host = aligned_alloc(256, (bytes + 255) / 256 * 256);
	ck_assert_ptr_nonnull(out->host);
	out->addr = (aios_addr)(uintptr_t)out->host;
	out->bytes = bytes;
	out->heap = heap;
	mock->allocated += bytes;
	return 0;
}

static void mock_free(void *arg, struct aios_mem *mem)
{
	struct mock_device *mock = arg;

	mock->allocated -= mem->bytes;
	free(mem->host);
}

static int mock_queue_create(void *dev, void **queue, struct aios_status *st)
{
	(void)st;
	*queue = dev;
	return 0;
}

static void mock_queue_destroy(void *dev, void *queue)
{
	(void)dev;
	(void)queue;
}

/* The forms that are made of two others. */
static bool is_fused(const struct aios_op *op)
{
	switch (op->type) {
	case AIOS_OP_MATMUL: {
		const struct aios_op_matmul *m = (const struct aios_op_matmul *)op;

		return m->act != AIOS_ACT_NONE || m->residual.data;
	}
	case AIOS_OP_RMSNORM: {
		const struct aios_op_rmsnorm *n = (const struct aios_op_rmsnorm *)op;

		return n->add.data || aios_dtype_scaled(n->out.dtype);
	}
	case AIOS_OP_ATTENTION:
		return aios_dtype_scaled(((const struct aios_op_attention *)op)->out.dtype);
	case AIOS_OP_GLU:
		return aios_dtype_scaled(((const struct aios_op_glu *)op)->out.dtype);
	default:
		return false;
	}
}

static int mock_query(void *arg, const struct aios_op *op, struct aios_op_support *out)
{
	const struct mock_device *mock = arg;
	bool no = mock->refuse >> op->type & 1;

	no |= (mock->refuse_fused >> op->type & 1) && is_fused(op);
	out->level = no ? AIOS_SUPPORT_NO : AIOS_SUPPORT_EXACT;
	out->scratch_bytes = mock->scratch;
	snprintf(out->reason, sizeof(out->reason), "%s", no ? "the test says no" : "");
	return 0;
}

static int mock_launch(void *arg, void *queue, const struct aios_op *op, struct aios_status *st)
{
	struct mock_device *mock = arg;

	(void)queue;
	(void)st;
	if (mock->lose)
		return -AIOS_DEVICE_LOST;
	ck_assert_uint_lt(mock->n_ops, MOCK_MAX_OPS);
	mock->ops[mock->n_ops++] = op->type;
	if (op->type == AIOS_OP_MATMUL)
		mock->last_scratch = ((const struct aios_op_matmul *)op)->scratch;
	return 0;
}

static int mock_copy(void *arg, void *queue, uint32_t dir, uint64_t dst, uint64_t src,
		     uint64_t bytes, struct aios_status *st)
{
	struct mock_device *mock = arg;

	(void)queue;
	(void)dir;
	(void)st;
	if (mock->lose)
		return -AIOS_DEVICE_LOST;
	memmove((void *)(uintptr_t)dst, (const void *)(uintptr_t)src, bytes);
	return 0;
}

static int mock_fill(void *arg, void *queue, aios_addr dst, uint8_t value, uint64_t bytes,
		     struct aios_status *st)
{
	(void)arg;
	(void)queue;
	(void)st;
	memset((void *)(uintptr_t)dst, value, bytes);
	return 0;
}

static int mock_signal(void *arg, void *queue, uint64_t *value, struct aios_status *st)
{
	struct mock_device *mock = arg;

	(void)queue;
	(void)st;
	*value = ++mock->timeline;
	return mock->lose ? -AIOS_DEVICE_LOST : 0;
}

static int mock_wait(void *arg, void *queue, uint64_t value, uint64_t deadline_ns,
		     struct aios_status *st)
{
	const struct mock_device *mock = arg;

	(void)queue;
	(void)deadline_ns;
	(void)st;
	return value <= mock->timeline ? 0 : -EINVAL;
}

static int mock_weight_layout(void *dev, uint32_t profile, struct aios_tensor *w, uint64_t *bytes,
			      struct aios_status *st)
{
	(void)dev;
	(void)profile;
	(void)w;
	(void)bytes;
	(void)st;
	return -ENOSYS;
}

static int mock_reset(void *dev, struct aios_status *st)
{
	(void)dev;
	(void)st;
	return -ENOSYS;
}

static const struct aios_driver_ops mock_ops = {
	.size = sizeof(mock_ops),
	.probe = mock_probe,
	.open = mock_dev_open,
	.quiesce = mock_quiesce,
	.close = mock_dev_close,
	.device_info = mock_info,
	.heap_info = mock_heap_info,
	.mem_alloc = mock_alloc,
	.mem_free = mock_free,
	.queue_create = mock_queue_create,
	.queue_destroy = mock_queue_destroy,
	.query_op = mock_query,
	.launch = mock_launch,
	.copy = mock_copy,
	.fill = mock_fill,
	.signal = mock_signal,
	.wait = mock_wait,
	.weight_layout = mock_weight_layout,
	.reset = mock_reset,
};

struct device *mock_open(struct mock_device *mock)
{
	struct aios_host host = { .size = sizeof(host), .ctx = mock };
	struct aios_status st;
	struct device *dev;

	memset(mock, 0, sizeof(*mock));
	ck_assert_int_eq(device_open("mock", &mock_ops, &host, 0, &dev, &st), 0);
	dev->host = NULL; /* was for open() only */
	return dev;
}

void mock_close(struct mock_device *mock, struct device *dev)
{
	ck_assert_uint_eq(dev->refs, 1);
	device_put(dev);
	ck_assert_uint_eq(mock->allocated, 0);
}
