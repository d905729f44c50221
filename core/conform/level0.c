// SPDX-License-Identifier: Apache-2.0
/* level0.c - load and lifecycle: what a driver says of itself, and that it comes and goes cleanly. */
#include <dirent.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "core/conform/conform.h"
#include "core/lib/clock.h"
#include "core/module/select.h"

#define MOST_DEVICES 64

/* --- probe ------------------------------------------------------------------------ */

static bool ends(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

static int check_desc(const struct aios_device_desc *d, struct aios_conform_case *r)
{
	if (!ends(d->id, sizeof(d->id)) || !ends(d->alias, sizeof(d->alias)) ||
	    !ends(d->name, sizeof(d->name)) || !ends(d->reason, sizeof(d->reason)))
		return conform_fail(r, "probe wrote a text without its end");
	if (!d->id[0])
		return conform_fail(r, "probe gave a device without an id");
	if (!d->name[0])
		return conform_fail(r, "probe gave device %.60s no name", d->id);
	if (!d->reason[0])
		return conform_fail(r, "probe gave device %.60s no reason for its score", d->id);
	return 0;
}

/* One probe into descriptors whose room behind the last is a guard. */
static int probe(struct aios_conform *c, uint32_t cap, struct aios_device_desc *out,
		 struct aios_conform_case *r)
{
	const struct device *dev = c->dut.dev;
	struct aios_status st = { 0 };
	int n;

	memset(out, 0, MOST_DEVICES * sizeof(*out));
	for (uint32_t i = 0; i < MOST_DEVICES; i++)
		out[i].size = sizeof(out[i]);
	memset(&out[cap], 0x5a, (MOST_DEVICES - cap) * sizeof(*out));
	n = dev->ops->probe(dev->host, out, cap, &st);
	if (n < 0)
		conform_fail(r, "probe failed (%d): %s", n, st.message);
	for (const uint8_t *p = (const uint8_t *)&out[cap]; p < (const uint8_t *)&out[MOST_DEVICES];
	     p++) {
		if (*p == 0x5a)
			continue;
		conform_fail(r, "probe wrote more than the %u descriptors it had room for", cap);
		break;
	}
	return n;
}

static int run_probe(struct aios_conform *c, const struct conform_job *job,
		     struct aios_conform_case *r)
{
	struct aios_device_desc *first = calloc(2 * MOST_DEVICES, sizeof(*first));
	struct aios_device_desc *again = first + MOST_DEVICES;
	int n, m, none;

	(void)job;
	if (!first)
		return -ENOMEM;
	if (!c->dut.dev->ops->probe) {
		conform_skip(r, "a hook stands in front of the driver: it does not probe");
		goto out;
	}
	n = probe(c, MOST_DEVICES - 1, first, r);
	none = probe(c, 0, again, r);
	if (none != n)
		conform_fail(r, "probe says %d devices, and %d when it has no room", n, none);
	if (n == 0)
		conform_fail(r, "probe finds no device");
	for (int i = 0; i < n && i < MOST_DEVICES - 1; i++)
		check_desc(&first[i], r);
	for (int i = 0; i < n && i < MOST_DEVICES - 1; i++)
		for (int k = 0; k < i; k++)
			if (strcmp(first[i].id, first[k].id) == 0)
				conform_fail(r, "two devices have the id %s", first[i].id);
	for (int round = 0; round < 8; round++) {
		m = probe(c, MOST_DEVICES - 1, again, r);
		if (m != n)
			conform_fail(r, "probe says %d devices, then %d", n, m);
		for (int i = 0; i < n && i < m && i < MOST_DEVICES - 1; i++)
			if (strcmp(first[i].id, again[i].id) != 0 ||
			    first[i].index != again[i].index)
				conform_fail(r, "probe gave %s as device %d, then %s", first[i].id,
					     i, again[i].id);
	}
out:
	free(first);
	return 0;
}

/* --- info and heaps ---------------------------------------------------------------- */

static int run_info(struct aios_conform *c, const struct conform_job *job,
		    struct aios_conform_case *r)
{
	struct device *dev = c->dut.dev;
	struct aios_device_info a = { .size = sizeof(a) }, b = { .size = sizeof(b) };
	struct aios_status st = { 0 };
	int rc = dev->ops->device_info(dev->dev, &a, &st);

	(void)job;
	if (!rc)
		rc = dev->ops->device_info(dev->dev, &b, &st);
	if (rc)
		return conform_fail(r, "device_info failed (%d): %s", rc, st.message);
	if (!ends(a.id, sizeof(a.id)) || !ends(a.name, sizeof(a.name)) ||
	    !ends(a.runtime, sizeof(a.runtime)))
		return conform_fail(r, "device_info wrote a text without its end");
	if (a.size != sizeof(a))
		return conform_fail(r, "device_info changed info->size, which the core sets");
	if (!a.id[0] || !a.name[0] || !a.runtime[0])
		return conform_fail(r, "device_info left %s empty",
				    !a.id[0]   ? "id" :
				    !a.name[0] ? "name" :
						 "runtime");
	if (!a.wave || !a.units)
		return conform_fail(r, "device_info says %s 0; expected 1 or more",
				    a.wave ? "units" : "wave");
	if (a.profiles >> AIOS_PROFILE_COUNT)
		return conform_fail(r, "device_info declares unknown profiles (0x%x)", a.profiles);
	if (!(a.profiles & 1u << AIOS_PROFILE_FMA32))
		return conform_fail(r, "device_info does not declare profile fma32, which every "
				       "driver must have");
	if (a.best_profile >= AIOS_PROFILE_COUNT || !(a.profiles >> a.best_profile & 1))
		return conform_fail(r, "best_profile %u is not among the declared ones (0x%x)",
				    a.best_profile, a.profiles);
	if (a.op_types & 1 || a.op_types >> AIOS_OP_COUNT)
		return conform_fail(r, "device_info declares unknown ops (0x%" PRIx64 ")",
				    a.op_types);
	if (memcmp(&a.id, &b.id, sizeof(a.id)) != 0 || a.profiles != b.profiles ||
	    a.op_types != b.op_types || a.best_profile != b.best_profile)
		return conform_fail(r, "device_info gave two answers to one question");
	return 0;
}

static int run_heaps(struct aios_conform *c, const struct conform_job *job,
		     struct aios_conform_case *r)
{
	struct device *dev = c->dut.dev;
	struct aios_heap_info info;
	struct aios_status st = { 0 };
	struct aios_mem mem;
	int rc;

	(void)job;
	for (uint32_t h = 0; h < AIOS_HEAP_COUNT; h++) {
		memset(&info, 0, sizeof(info));
		rc = dev->ops->heap_info(dev->dev, h, &info, &st);
		if (rc)
			return conform_fail(r, "heap_info of heap %u failed (%d): %s", h, rc,
					    st.message);
		if (info.free > info.total)
			return conform_fail(r, "heap %u has %" PRIu64 " bytes free of %" PRIu64, h,
					    info.free, info.total);
		if (h == AIOS_HEAP_DEVICE && !info.total)
			return conform_fail(r, "the device heap has 0 bytes");
		if (info.total)
			continue;
		memset(&mem, 0, sizeof(mem));
		rc = dev->ops->mem_alloc(dev->dev, h, 64, &mem, &st);
		if (rc >= 0)
			return conform_fail(r,
					    "heap %u does not exist (total 0), but mem_alloc gives "
					    "memory of it",
					    h);
	}
	memset(&mem, 0, sizeof(mem));
	if (dev->ops->mem_alloc(dev->dev, AIOS_HEAP_COUNT, 64, &mem, &st) >= 0)
		return conform_fail(r, "mem_alloc gives memory of heap %d, which nobody knows",
				    AIOS_HEAP_COUNT);
	return 0;
}

/* --- coming and going --------------------------------------------------------------- */

/* A little work, so that what is lazily made is made. */
static int touch(struct conform_side *side, struct aios_conform_case *r)
{
	struct aios_status st = { 0 };
	struct aios_mem mem;
	uint32_t value = 0;
	int rc = device_alloc(side->dev, AIOS_HEAP_DEVICE, 4096, "a test", &mem, &st);

	if (!rc)
		rc = queue_fill(&side->queues[0], mem.addr, 0x3c, 4096, &st);
	if (!rc)
		rc = queue_download(&side->queues[0], &value, mem.addr + 4000, sizeof(value), &st);
	if (!rc)
		rc = queue_sync(&side->queues[0], 10u * 1000000000ull, &st);
	if (rc)
		conform_fail(r, "%s (%d): %s", st.where, rc, st.message);
	else if (value != 0x3c3c3c3c)
		conform_fail(r, "memory filled with 0x3c reads 0x%08x", value);
	device_free(side->dev, &mem);
	return 0;
}

long conform_resident(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	long size = 0, pages = 0;

	if (f && fscanf(f, "%ld %ld", &size, &pages) != 2)
		pages = 0;
	if (f)
		fclose(f);
	return pages * 4;
}

int64_t conform_heap_bytes(void)
{
	struct mallinfo2 m = mallinfo2();

	return (int64_t)(m.uordblks + m.hblkhd);
}

/* Open descriptors or threads of this process, counted in /proc. */
static uint32_t entries(const char *path)
{
	DIR *dir = opendir(path);
	uint32_t n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

/*
 * What opening and closing once may leave on the host's heap. A vendor's library may keep a record
 * of each context that it ever made (libcuda 580 keeps 430 to 450 bytes), which no driver can give
 * back; a driver's own device and queues are larger than this.
 */
#define CYCLE_BYTES 1024

/*
 * A vendor's context may take half a second to make: past this time the cycles end, but not before
 * there were CYCLES_MIN of them, which the allowances above are good for.
 */
#define CYCLES_NS (20ull * 1000000000ull)
#define CYCLES_MIN 60

static int run_open_close(struct aios_conform *c, const struct conform_job *job,
			  struct aios_conform_case *r)
{
	uint32_t n = c->options.quick ? CYCLES_MIN : job->index, files = 0, threads = 0, i;
	uint64_t heap_free = 0, start = clock_ns();
	struct aios_heap_info info;
	int64_t heap_before = 0;
	long before = 0, grown;
	int rc = 0;

	for (i = 0; i < n && r->status == AIOS_CONFORM_PASS && !rc; i++) {
		struct conform_side side;
		struct aios_status st = { 0 };

		if (i >= CYCLES_MIN && clock_ns() - start > CYCLES_NS)
			break;
		if (i == 10) {
			before = conform_resident();
			heap_before = conform_heap_bytes();
			files = entries("/proc/self/fd");
			threads = entries("/proc/self/task");
		}
		if (conform_side_open(c->aios, &side, &st))
			return conform_fail(r, "opening number %u failed: %s", i + 1, st.message);
		if (i % 8 == 0)
			rc = touch(&side, r);
		if (!device_heap_info(side.dev, AIOS_HEAP_DEVICE, &info, &st) && i == 10)
			heap_free = info.free;
		conform_side_close(&side);
	}
	if (rc || r->status != AIOS_CONFORM_PASS)
		return rc;
	n = i;
	grown = conform_resident() - before;
	heap_before = conform_heap_bytes() - heap_before;
	if (heap_before > (int64_t)(n - 10) * CYCLE_BYTES + 8192)
		return conform_fail(r,
				    "%u times open and close left %" PRId64
				    " bytes of the host's heap allocated; at most %d each time",
				    n - 10, heap_before, CYCLE_BYTES);
	/* A sanitizer keeps freed memory for a while: there the heap alone is counted. */
	if (grown > 4096 + (long)n * 4 && strcmp(AIOS_SANITIZER, "none") == 0)
		return conform_fail(r, "%u times open and close cost %ld KiB of host memory",
				    n - 10, grown);
	i = entries("/proc/self/fd");
	if (i > files + 2)
		return conform_fail(r, "%u times open and close left %u files open", n - 10,
				    i - files);
	i = entries("/proc/self/task");
	if (i > threads + 2)
		return conform_fail(r, "%u times open and close left %u threads", n - 10,
				    i - threads);
	if (heap_free && heap_free > info.free && heap_free - info.free > heap_free / 2)
		return conform_fail(r,
				    "half of the device's free memory is gone after %u times open "
				    "and close",
				    n);
	return 0;
}

static int run_two_devices(struct aios_conform *c, const struct conform_job *job,
			   struct aios_conform_case *r)
{
	struct conform_side a, b;
	struct aios_status st = { 0 };
	int rc;

	(void)job;
	if (conform_side_open(c->aios, &a, &st))
		return conform_fail(r, "a second device cannot be opened beside the first: %s",
				    st.message);
	if (conform_side_open(c->aios, &b, &st)) {
		conform_side_close(&a);
		return conform_fail(r, "a third device cannot be opened beside two: %s",
				    st.message);
	}
	if (a.dev->dev == b.dev->dev)
		conform_fail(r, "two opened devices are one object");
	rc = touch(&a, r);
	if (!rc)
		rc = touch(&b, r);
	conform_side_close(&a); /* the first, while the second lives on */
	if (!rc && r->status == AIOS_CONFORM_PASS)
		rc = touch(&b, r);
	conform_side_close(&b);
	return rc;
}

static int run_bad_index(struct aios_conform *c, const struct conform_job *job,
			 struct aios_conform_case *r)
{
	struct device *dev = c->dut.dev;
	struct aios_status st = { 0 };
	void *opened = NULL;
	int rc;

	(void)job;
	if (!dev->ops->open)
		return conform_skip(r, "a hook stands in front of the driver: it does not open");
	rc = dev->ops->open(dev->host, 0x7fffffff, &opened, &st);
	if (rc >= 0) {
		dev->ops->close(opened);
		return conform_fail(r, "open of device 2147483647 succeeded");
	}
	if (!st.message[0])
		return conform_fail(r, "open of device 2147483647 failed (%d) without a message",
				    rc);
	dev->ops->close(NULL); /* takes NULL */
	return 0;
}

static int run_queues(struct aios_conform *c, const struct conform_job *job,
		      struct aios_conform_case *r)
{
	struct device *dev = c->dut.dev;
	struct aios_status st = { 0 };
	void *queues[16], *q;
	uint32_t n = c->options.quick ? 100 : 500, i;
	int64_t before = 0;
	int rc;

	(void)job;
	dev->ops->queue_destroy(dev->dev, NULL); /* takes NULL */
	for (i = 0; i < 16; i++) {
		rc = dev->ops->queue_create(dev->dev, &queues[i], &st);
		if (rc)
			conform_fail(r, "queue %u beside %u others failed (%d): %s", i + 3, i + 2,
				     rc, st.message);
		if (rc)
			break;
	}
	while (i-- > 0)
		dev->ops->queue_destroy(dev->dev, queues[i]);
	for (i = 0; i < n && r->status == AIOS_CONFORM_PASS; i++) {
		if (i == 20)
			before = conform_heap_bytes();
		rc = dev->ops->queue_create(dev->dev, &q, &st);
		if (rc)
			conform_fail(r, "queue_create number %u failed (%d): %s", i + 1, rc,
				     st.message);
		else
			dev->ops->queue_destroy(dev->dev, q);
	}
	before = conform_heap_bytes() - before;
	if (before > (int64_t)(n - 20) * 16 + 256)
		conform_fail(r,
			     "%u queues made and destroyed left %" PRId64
			     " bytes of the host's heap allocated",
			     n - 20, before);
	return 0;
}

int conform_level0(struct aios_conform *c)
{
	static const struct {
		const char *name;
		conform_run_fn run;
		uint32_t index;
	} list[] = {
		{ "probe", run_probe, 0 },
		{ "info", run_info, 0 },
		{ "heaps", run_heaps, 0 },
		{ "open-close", run_open_close, 1000 },
		{ "two-devices", run_two_devices, 0 },
		{ "bad-index", run_bad_index, 0 },
		{ "queues", run_queues, 0 },
	};
	int rc = 0;

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]) && !rc; i++) {
		struct conform_job job = { .level = 0, .run = list[i].run, .index = list[i].index };

		rc = conform_add(c, &job, "l0/%s", list[i].name);
	}
	return rc;
}
