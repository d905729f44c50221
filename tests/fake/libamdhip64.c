// SPDX-License-Identifier: Apache-2.0
/*
 * libamdhip64.c - what is HIP's own of the fake; the rest is gpu.c. Kernels run: those of
 * drivers/gpu on the host (tests/shim), in waves of fake_gpu.wave and in the order asked for. One
 * at a time in a process, since the shim is one machine with one thread.
 *
 * A program that no test steers takes SHIM_WAVE, SHIM_CDNA, SHIM_ORDER, SHIM_SEED and SHIM_UNITS
 * from the environment, SHIM_MUTANT breaks the machine (tests/shim/shim_run.h), FAKE_DEVICES is the
 * number of devices, and with FAKE_FAIL_NTH and FAKE_FAIL_RESULT the device is lost at the n-th call.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpu.h"
#include "shim_run.h"

#define FAKE_OWN_PROTO(member, symbol, type, params)                                               \
	type fake_##member params __asm__(symbol) FAKE_API;
HIP_OWN_SYMBOLS(FAKE_OWN_PROTO)

static _Thread_local int fake_current; /* each thread's own device */

int fake_device(void)
{
	return fake_current;
}

/* 0 in waves of 32. */
static int fake_cdna(void)
{
	return fake_gpu.wave == 64 ? fake_gpu.cdna : 0;
}

bool fake_has(uint32_t kernel)
{
	return fake_cdna() && kernel >= GPU_SM90_END;
}

bool fake_mark(const char *name)
{
	static const char *const marks[] = { "gpu_cdna1", "gpu_cdna2", "gpu_cdna3" };

	return fake_cdna() && strcmp(name, marks[fake_cdna() - 1]) == 0;
}

void fake_run(const struct gpu_launch *launch)
{
	struct shim_config config = { .wave = (uint32_t)fake_gpu.wave,
				      .order = (uint32_t)fake_gpu.order,
				      .cdna = (uint32_t)fake_cdna(),
				      .seed = fake_gpu.seed,
				      .mutant = (uint32_t)fake_gpu.mutant,
				      .mutant_at = (uint32_t)fake_gpu.mutant_at };

	if (shim_run(launch, &config))
		fake_gpu.broken = GPU_OUT_OF_MEMORY;
}

static uint64_t number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

/* SHIM_MUTANT: lane, flush, keep, barrier:N. */
static void mutant_from_environment(void)
{
	const char *text = getenv("SHIM_MUTANT");

	if (text && strcmp(text, "lane") == 0)
		fake_gpu.mutant = SHIM_WRONG_LANE;
	else if (text && strcmp(text, "flush") == 0)
		fake_gpu.mutant = SHIM_FLUSHES;
	else if (text && strcmp(text, "keep") == 0)
		fake_gpu.mutant = SHIM_KEEPS;
	else if (text && sscanf(text, "barrier:%d", &fake_gpu.mutant_at) == 1)
		fake_gpu.mutant = SHIM_NO_BARRIER;
}

/* Waves of 64 are a gfx90a's, or with an odd seed a gfx942's; those of 32 a gfx1030's. */
__attribute__((constructor)) static void from_environment(void)
{
	const char *order = getenv("SHIM_ORDER");

	fake_gpu.version = 50221153;
	fake_gpu.wave = (int)number("SHIM_WAVE", 64);
	fake_gpu.major = fake_gpu.wave == 64 ? 9 : 10;
	fake_gpu.minor = fake_gpu.wave == 64 ? 0 : 3;
	fake_gpu.units = (unsigned int)number("SHIM_UNITS", 4);
	fake_gpu.seed = number("SHIM_SEED", 1);
	fake_gpu.cdna = (int)number("SHIM_CDNA", 2 + (fake_gpu.seed & 1));
	fake_gpu.order = order && strcmp(order, "reverse") == 0 ? SHIM_REVERSE :
			 order && strcmp(order, "random") == 0  ? SHIM_RANDOM :
								  SHIM_FORWARD;
	fake_gpu.devices = (int)number("FAKE_DEVICES", 1);
	fake_gpu.shared_max = 65536;
	fake_gpu.memory = (uint64_t)4 << 30;
	fake_gpu.fail_nth = number("FAKE_FAIL_NTH", 0);
	fake_gpu.fail_result = (int)number("FAKE_FAIL_RESULT", GPU_ILLEGAL_ADDRESS);
	fake_gpu.sticky = fake_gpu.fail_nth > 0;
	mutant_from_environment();
}

int fake_init(unsigned int flags)
{
	int result = fake_begin();

	(void)flags;
	return fake_end(result ? result : fake_gpu.init_result);
}

int fake_runtime_version(int *version)
{
	*version = fake_gpu.version;
	return fake_end(fake_begin_sure());
}

const char *fake_error_name(int result)
{
	return result == GPU_OUT_OF_MEMORY   ? "hipErrorOutOfMemory" :
	       result == GPU_ILLEGAL_ADDRESS ? "hipErrorIllegalAddress" :
					       "hipErrorUnknown";
}

const char *fake_error_string(int result)
{
	(void)result;
	return "as the test asked";
}

/* The first has ROCm's 16 letters, the second none. */
int fake_device_uuid(unsigned char uuid[16], int dev)
{
	if (dev == 0)
		memcpy(uuid, "0123456789abcdef", 16);
	else
		memset(uuid, 0, 16);
	return GPU_OK;
}

int fake_device_attribute(int *value, int attribute, int dev)
{
	(void)dev;
	*value = attribute == HIP_ATTR_MAJOR  ? fake_gpu.major :
		 attribute == HIP_ATTR_MINOR  ? fake_gpu.minor :
		 attribute == HIP_ATTR_UNITS  ? (int)fake_gpu.units :
		 attribute == HIP_ATTR_SHARED ? (int)fake_gpu.shared_max :
		 attribute == HIP_ATTR_WAVE   ? fake_gpu.wave :
						0;
	return GPU_OK;
}

/* Which device is current is the thread's own business, whatever became of the device. */
int fake_device_set(int dev)
{
	fake_current = dev;
	return GPU_OK;
}

int fake_device_current(int *dev)
{
	*dev = fake_current;
	return GPU_OK;
}

int fake_peer_enable(int peer, unsigned int flags)
{
	int result = fake_begin();

	if (result == GPU_OK)
		result = flags ? GPU_INVALID_VALUE : fake_peer_allow(fake_current, peer);
	return fake_end(result);
}

int fake_peer_copy(uint64_t dst, int to, uint64_t src, int from, size_t bytes, void *stream)
{
	return fake_copy_between(dst, to, src, from, bytes, stream);
}

int fake_device_reset(void)
{
	fake_begin_sure();
	fake_context_clear(fake_current);
	return fake_end(GPU_OK);
}

/* The older kind of callback, which is told how the work before it ended. */
struct fake_callback {
	void (*call)(void *, int, void *);
	void *stream, *arg;
};

static void call_back(void *p)
{
	struct fake_callback c = *(struct fake_callback *)p;

	free(p);
	c.call(c.stream, fake_gpu.broken, c.arg);
}

int fake_host_callback(void *stream, void (*call)(void *, int, void *), void *arg,
		       unsigned int flags)
{
	struct fake_callback *c = malloc(sizeof(*c));
	int result;

	*c = (struct fake_callback){ .call = call, .stream = stream, .arg = arg };
	result = flags ? GPU_INVALID_VALUE : fake_host_call(stream, call_back, c);
	if (result)
		free(c);
	return result;
}
