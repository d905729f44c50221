// SPDX-License-Identifier: Apache-2.0
/*
 * driver.c - what only a device shows of a driver: how fast host memory reaches it,
 * that a deadline ends a wait while it works, that a kernel's illegal access is a
 * lost device with a message, and that a reset brings it back or says that this
 * process cannot have it back.
 *
 *	cc -std=gnu11 -D_GNU_SOURCE -Iinclude tests/device/driver.c -o driver -ldl
 *	./driver build/lib/aios/drivers/cuda.so
 *
 * Exit status 1 when something is not so.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <aios/driver/driver.h>

#define MIB ((uint64_t)1 << 20)
#define UPLOAD (1024 * MIB)

static const struct aios_driver_ops *ops;
static const struct aios_module *module;
static struct aios_status st;

static void log_line(void *ctx, int level, const char *message)
{
	(void)ctx;
	fprintf(stderr, "%d: %s\n", level, message);
}

static const char *param(void *ctx, const char *name)
{
	uint32_t i;

	(void)ctx;
	for (i = 0; i < module->n_params; i++)
		if (strcmp(module->params[i].name, name) == 0)
			return module->params[i].default_text;
	return NULL;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static uint64_t in(double seconds)
{
	return (uint64_t)((now() + seconds) * 1e9);
}

static void want(const char *what, int got, int expected)
{
	if (got == expected)
		return;
	printf("FAILED: %s: %d, expected %d: %s\n", what, got, expected, st.message);
	exit(1);
}

static int finish(void *dev, void *queue, double seconds)
{
	uint64_t value = 0;
	int ret = ops->signal(dev, queue, &value, &st);

	return ret ? ret : ops->wait(dev, queue, value, in(seconds), &st);
}

/* Pageable memory that was touched, as a mapped checkpoint in the file cache is. */
static void upload(void *dev, void *queue)
{
	struct aios_mem mem, pinned;
	unsigned char *host = malloc(UPLOAD), *back = malloc(UPLOAD);
	double best = 1e9, best_pinned = 1e9, t;
	uint64_t i;
	int run;

	if (!host || !back)
		want("malloc", -1, 0);
	for (i = 0; i < UPLOAD; i++)
		host[i] = (unsigned char)(i * 2654435761u >> 13);
	memset(back, 0, UPLOAD);
	want("mem_alloc", ops->mem_alloc(dev, AIOS_HEAP_DEVICE, UPLOAD, &mem, &st), 0);
	want("mem_alloc", ops->mem_alloc(dev, AIOS_HEAP_PINNED, UPLOAD, &pinned, &st), 0);
	for (run = 0; run < 4; run++) {
		t = now();
		want("copy",
		     ops->copy(dev, queue, AIOS_COPY_TO_DEVICE, mem.addr, (uintptr_t)host, UPLOAD,
			       &st),
		     0);
		want("wait", finish(dev, queue, 60), 0);
		t = now() - t;
		best = t < best ? t : best;
		t = now();
		want("copy",
		     ops->copy(dev, queue, AIOS_COPY_TO_DEVICE, mem.addr, (uintptr_t)pinned.host,
			       UPLOAD, &st),
		     0);
		want("wait", finish(dev, queue, 60), 0);
		t = now() - t;
		best_pinned = t < best_pinned ? t : best_pinned;
	}
	want("copy",
	     ops->copy(dev, queue, AIOS_COPY_TO_DEVICE, mem.addr, (uintptr_t)host, UPLOAD, &st), 0);
	want("copy",
	     ops->copy(dev, queue, AIOS_COPY_TO_HOST, (uintptr_t)back, mem.addr, UPLOAD, &st), 0);
	want("wait", finish(dev, queue, 60), 0);
	want("1 GiB there and back", memcmp(host, back, UPLOAD), 0);
	printf("upload of 1 GiB: %.1f GB/s from pageable memory, %.1f GB/s from pinned\n",
	       (double)UPLOAD / best * 1e-9, (double)UPLOAD / best_pinned * 1e-9);
	ops->mem_free(dev, &mem);
	ops->mem_free(dev, &pinned);
	free(host);
	free(back);
}

/* Copies inside the device that take a while. */
static void deadlines(void *dev, void *queue)
{
	struct aios_mem mem;
	uint64_t value = 0, start = 0, ns = 0;
	double t;
	int i;

	want("signal", ops->signal(dev, queue, &start, &st), 0);
	want("mem_alloc", ops->mem_alloc(dev, AIOS_HEAP_DEVICE, 4096 * MIB, &mem, &st), 0);
	for (i = 0; i < 200; i++)
		want("copy",
		     ops->copy(dev, queue, AIOS_COPY_ON_DEVICE, mem.addr, mem.addr + 2048 * MIB,
			       2048 * MIB, &st),
		     0);
	want("signal", ops->signal(dev, queue, &value, &st), 0);
	t = now();
	want("wait", ops->wait(dev, queue, value, in(0.02), &st), -ETIMEDOUT);
	t = now() - t;
	if (t > 0.06)
		want("a wait with a deadline of 20 ms", (int)(t * 1000), 20);
	want("quiesce", ops->quiesce(dev, in(0.01), &st), -ETIMEDOUT);
	t = now();
	want("wait", ops->wait(dev, queue, value, in(30), &st), 0);
	printf("deadlines: kept while the device worked, %.0f ms more\n", (now() - t) * 1e3);
	if (ops->size > offsetof(struct aios_driver_ops, elapsed) && ops->elapsed) {
		want("elapsed", ops->elapsed(dev, queue, start, value, &ns, &st), 0);
		printf("elapsed: 200 copies of 2 GiB, %.1f ms, %.0f GB/s read and written\n",
		       (double)ns * 1e-6, 400.0 * 2048 * (double)MIB / (double)ns);
	}
	ops->mem_free(dev, &mem);
}

/* Rows gathered from an address that nobody has. */
static void lose(void *dev, void *queue)
{
	struct aios_op_gather_rows op = {
		.op = AIOS_OP_INIT(struct aios_op_gather_rows, AIOS_OP_GATHER_ROWS), .n_rows = 1
	};
	struct aios_mem mem;
	int ret;

	want("mem_alloc", ops->mem_alloc(dev, AIOS_HEAP_DEVICE, 4096, &mem, &st), 0);
	want("fill", ops->fill(dev, queue, mem.addr, 0, 4096, &st), 0);
	op.rows = mem.addr;
	op.out = (struct aios_tensor){
		.data = mem.addr + 1024, .dtype = AIOS_F32, .rows = 1, .cols = 64, .row_bytes = 256
	};
	op.src = op.out;
	op.src.data = 0x7000000000000000ull;
	want("launch", ops->launch(dev, queue, &op.op, &st), 0);
	ret = finish(dev, queue, 10);
	want("wait", ret, -AIOS_DEVICE_LOST);
	printf("loss: %s\n", st.message);
	want("mem_alloc", ops->mem_alloc(dev, AIOS_HEAP_DEVICE, 4096, &mem, &st),
	     -AIOS_DEVICE_LOST);
}

int main(int argc, char **argv)
{
	struct aios_host host = {
		.size = sizeof(host), .abi_minor = AIOS_ABI_MINOR, .log = log_line, .param = param
	};
	void *lib = dlopen(argc > 1 ? argv[1] : "", RTLD_NOW | RTLD_LOCAL), *dev, *queue, *after;
	double t = now();
	int ret;

	module = lib ? dlsym(lib, "aios_module") : NULL;
	if (!module) {
		fprintf(stderr, "usage: %s DRIVER.so: %s\n", argv[0], dlerror());
		return 2;
	}
	ops = module->ops;
	want("open", ops->open(&host, 0, &dev, &st), 0);
	want("queue_create", ops->queue_create(dev, &queue, &st), 0);
	printf("open: %.0f ms\n", (now() - t) * 1e3);
	upload(dev, queue);
	deadlines(dev, queue);
	lose(dev, queue);
	ret = ops->reset(dev, &st);
	if (ret == -AIOS_DEVICE_LOST && strstr(st.message, "process")) {
		ops->queue_destroy(dev, queue);
		ops->close(dev);
		printf("reset: %s\n", st.message);
		return 0;
	}
	want("reset", ret, 0);
	want("signal of an old queue", finish(dev, queue, 1), -AIOS_DEVICE_LOST);
	ops->queue_destroy(dev, queue);
	want("queue_create", ops->queue_create(dev, &after, &st), 0);
	upload(dev, after);
	ops->queue_destroy(dev, after);
	want("quiesce", ops->quiesce(dev, in(1), &st), 0);
	ops->close(dev);
	printf("lost, reset and in use again\n");
	return 0;
}
