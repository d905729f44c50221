// SPDX-License-Identifier: Apache-2.0
/*
 * shim.cpp - the kernels of drivers/gpu on the host: their own source, with the primitives of
 * shim.h, and the scheduler of a block's fibers. A fiber runs until it waits at a barrier or in a
 * wave operation; a sweep runs each one that may go on, in the configured order.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim_run.h"

#include "attention_fma.cuh"
#include "cdna.cu"
#include "sm90.cu"

#define SHIM_MAX_THREADS 1024
#define SHIM_SITES 64
#define SHIM_MAX_COPIES 128
#define SHIM_MAX_FLIGHTS 4096
#define SHIM_STACK 65536
#define SHIM_POISON 0xa5

enum shim_state {
	SHIM_READY,
	SHIM_AT_BARRIER,
	SHIM_IN_WAVE,
	SHIM_AT_OBJECT, /* until shim_wake() of what it waits for */
	SHIM_DONE
};

/* An asynchronous copy that may not have happened yet, and the group it is in. */
struct shim_copy {
	void *dst;
	const void *src;
	uint32_t group, valid; /* bytes to read, the others are zeros */
};

struct shim_fiber {
	void *sp;
	unsigned char *stack;
	const void *waits_for;
	uint32_t tid;
	enum shim_state state;
	uint32_t n_copies, group;
	struct shim_copy copies[SHIM_MAX_COPIES];
	struct shim_steps steps; /* of wgmma */
};

struct shim_wave {
	uint32_t arrived, left; /* threads in an operation; those that are done */
	uint32_t turn;
	const char *site; /* of the operation */
	struct shim_lanes lanes[2];
};

/* What is under way and tells `bar` when it has come. */
struct shim_flight {
	void *dst;
	const void *src;
	uint32_t bytes;
	uint64_t *bar;
	struct shim_fiber *fiber; /* no copy: the arrival after this one's copies */
	bool boxed;               /* a box of a map, at these coordinates */
	struct gpu_map map;
	uint32_t at[4];
};

/* A block in execution. */
struct shim {
	const struct shim_config *config;
	const struct gpu_launch *launch;
	uint32_t threads, live, arrived;
	const char *site; /* of the barrier where threads wait */
	uint64_t random;
	void *sp; /* of the scheduler */
	struct shim_fiber *now;
	struct shim_fiber fibers[SHIM_MAX_THREADS];
	struct shim_wave waves[SHIM_MAX_THREADS / 32];
	uint32_t order[SHIM_MAX_THREADS];
	const char *met[SHIM_SITES]; /* places in the source that a mutant may lack */
	uint32_t n_flights;
	struct shim_flight flights[SHIM_MAX_FLIGHTS];
};

struct shim_place shim_here;
static struct shim *shim;

/* --- changing stacks ------------------------------------------------------------ */

#if defined(__x86_64__)
/* Keep what a function must keep, put the stack pointer into *from, go on at `to`. */
extern "C" void shim_switch(void **from, void *to);
__asm__(".text\n"
	".hidden shim_switch\n"
	".globl shim_switch\n"
	".type shim_switch, @function\n"
	"shim_switch:\n"
	"	pushq %rbp\n"
	"	pushq %rbx\n"
	"	pushq %r12\n"
	"	pushq %r13\n"
	"	pushq %r14\n"
	"	pushq %r15\n"
	"	movq %rsp, (%rdi)\n"
	"	movq %rsi, %rsp\n"
	"	popq %r15\n"
	"	popq %r14\n"
	"	popq %r13\n"
	"	popq %r12\n"
	"	popq %rbx\n"
	"	popq %rbp\n"
	"	ret\n"
	".size shim_switch, . - shim_switch\n");

/* A stack on which shim_switch() will enter fn; fn never returns. */
static void *shim_enter_at(unsigned char *stack, void (*fn)(void))
{
	void **sp = (void **)(stack + SHIM_STACK - 64);

	*--sp = nullptr; /* fn sees the stack as after a call */
	*--sp = (void *)fn;
	for (int i = 0; i < 6; i++)
		*--sp = nullptr;
	return sp;
}
#else
#include <ucontext.h>

static ucontext_t shim_contexts[SHIM_MAX_THREADS + 1];

/* Here a "stack pointer" is a context; the scheduler's is the last. */
static void shim_switch(void **from, void *to)
{
	ucontext_t *own = *from ? (ucontext_t *)*from : &shim_contexts[SHIM_MAX_THREADS];

	*from = own;
	swapcontext(own, (ucontext_t *)to);
}

static void *shim_enter_at(unsigned char *stack, void (*fn)(void))
{
	static uint32_t next;
	ucontext_t *c = &shim_contexts[next++ % SHIM_MAX_THREADS];

	getcontext(c);
	c->uc_stack.ss_sp = stack;
	c->uc_stack.ss_size = SHIM_STACK;
	makecontext(c, fn, 0);
	return c;
}
#endif

__attribute__((noreturn, format(printf, 1, 2))) static void shim_die(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr,
		"shim: %s, block %u %u %u, thread %u: ", gpu_kernel_name(shim->launch->kernel),
		shim_here.block[0], shim_here.block[1], shim_here.block[2], shim_here.tid);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	__builtin_trap(); /* a module may not import abort() */
}

/* Are these bytes in the block's shared memory? */
static bool shim_inside(const void *p, uint64_t bytes)
{
	const uint64_t at = (uintptr_t)p - (uintptr_t)shim_here.shared, all = shim->launch->shared;

	return at <= all && bytes <= all - at;
}

static uint32_t shim_random(uint32_t n)
{
	shim->random = shim->random * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(shim->random >> 33) % n;
}

/* --- waiting --------------------------------------------------------------------- */

static void shim_pause(enum shim_state state)
{
	shim->now->state = state;
	shim_switch(&shim->now->sp, shim->sp);
}

void shim_yield(void)
{
	if (shim->config->order == SHIM_RANDOM && shim_random(4) == 0)
		shim_pause(SHIM_READY);
}

/* All fibers in [first, first + n) that wait like this go on. */
static void shim_release(uint32_t first, uint32_t n, enum shim_state state)
{
	for (uint32_t i = first; i < first + n; i++)
		if (shim->fibers[i].state == state)
			shim->fibers[i].state = SHIM_READY;
}

/* Those that wait for it go on. */
static void shim_wake(const void *object)
{
	for (uint32_t i = 0; i < shim->threads; i++)
		if (shim->fibers[i].state == SHIM_AT_OBJECT && shim->fibers[i].waits_for == object)
			shim->fibers[i].state = SHIM_READY;
}

/* Is this the barrier that the mutant lacks? */
static bool shim_lacks(const char *site)
{
	uint32_t i = 0;

	while (i < SHIM_SITES && shim->met[i] && shim->met[i] != site)
		i++;
	if (i < SHIM_SITES)
		shim->met[i] = site;
	return i == shim->config->mutant_at;
}

void shim_barrier(const char *site)
{
	if (shim->config->mutant == SHIM_NO_BARRIER && shim_lacks(site))
		return;
	if (shim->live < shim->threads)
		shim_die("waits at a barrier, but %u threads have left",
			 shim->threads - shim->live);
	if (shim->arrived && shim->site != site)
		shim_die("is at another barrier than the first to wait");
	shim->site = site;
	if (++shim->arrived < shim->threads) {
		shim_pause(SHIM_AT_BARRIER);
		return;
	}
	shim->arrived = 0;
	shim_release(0, shim->threads, SHIM_AT_BARRIER);
	shim_yield();
}

const struct shim_lanes *shim_exchange(uint32_t v, const char *site)
{
	uint32_t wave = shim->config->wave, tid = shim->now->tid, lane = tid % wave;
	struct shim_wave *w = &shim->waves[tid / wave];
	struct shim_lanes *lanes = &w->lanes[w->turn];

	if (w->left)
		shim_die("is in a wave operation, but %u of its lanes have left", w->left);
	if (w->arrived && w->site != site)
		shim_die("is in another wave operation than the first to wait");
	w->site = site;
	lanes->bits = (w->arrived ? lanes->bits : 0) | (uint64_t)(v & 1) << lane;
	if (shim->config->mutant == SHIM_WRONG_LANE)
		lane ^= 1;
	lanes->values[lane] = v;
	if (++w->arrived < wave) {
		shim_pause(SHIM_IN_WAVE);
		return lanes;
	}
	w->arrived = 0;
	w->turn ^= 1; /* who is slow still reads these; the next exchange has the others */
	shim_release(tid - tid % wave, wave, SHIM_IN_WAVE);
	shim_yield();
	return lanes;
}

/* --- asynchronous copies ----------------------------------------------------------- */

static void shim_copy_now(const struct shim_copy *c)
{
	if (c->valid)
		memcpy(c->dst, c->src, c->valid);
	memset((unsigned char *)c->dst + c->valid, 0, 16 - c->valid);
}

static void shim_async(void *dst, const void *src, uint32_t valid)
{
	struct shim_fiber *f = shim->now;
	struct shim_copy copy = { dst, src, f->group, valid };

	if (((uintptr_t)dst | (uintptr_t)src) % 16)
		shim_die("an asynchronous copy is not aligned");
	if (shim->config->order == SHIM_RANDOM && shim_random(2)) {
		shim_copy_now(&copy); /* as early as possible */
		return;
	}
	if (f->n_copies == SHIM_MAX_COPIES)
		shim_die("more than %d asynchronous copies", SHIM_MAX_COPIES);
	f->copies[f->n_copies++] = copy;
}

void shim_async_copy(void *dst, const void *src)
{
	shim_async(dst, src, 16);
}

void shim_async_commit(void)
{
	shim->now->group++;
}

/* As late as possible: now. */
void shim_async_wait(uint32_t n)
{
	struct shim_fiber *f = shim->now;
	uint32_t left = 0;

	for (uint32_t i = 0; i < f->n_copies; i++) {
		if (f->copies[i].group + n < f->group)
			shim_copy_now(&f->copies[i]);
		else
			f->copies[left++] = f->copies[i];
	}
	f->n_copies = left;
}

#include "shim_matrix.inc"
#include "shim_wgmma.inc"

/* --- blocks ------------------------------------------------------------------------- */

#define SHIM_CASE(name, type, most)                                                                \
	case GPU_K_##name:                                                                         \
		gpu_##name(*(const struct type *)shim->launch->args.bytes);                        \
		break;

/* What a fiber does: its thread of block after block. */
static void shim_thread(void)
{
	for (;;) {
		switch (shim->launch->kernel) {
			GPU_ALL_KERNELS(SHIM_CASE)
		}
		shim->live--;
		shim->waves[shim->now->tid / shim->config->wave].left++;
		shim_pause(SHIM_DONE);
	}
}

static void shim_shuffle(void)
{
	for (uint32_t i = shim->threads - 1; i > 0; i--) {
		uint32_t j = shim_random(i + 1), t = shim->order[i];

		shim->order[i] = shim->order[j];
		shim->order[j] = t;
	}
}

static void shim_resume(struct shim_fiber *f)
{
	shim->now = f;
	shim_here.tid = f->tid;
	shim_switch(&shim->sp, f->sp);
}

static void shim_block(void)
{
	uint32_t n = shim->threads, i;
	bool ran = true;

	shim->live = n;
	shim->arrived = 0;
	memset(shim->waves, 0, sizeof(shim->waves));
	shim->n_flights = 0;
	for (i = 0; i < n; i++) {
		shim->fibers[i].state = SHIM_READY;
		shim->fibers[i].n_copies = 0;
		shim->fibers[i].steps.n = 0;
		shim->order[i] = shim->config->order == SHIM_REVERSE ? n - 1 - i : i;
	}
	for (; shim->live;) {
		if (!ran && !shim_land_oldest())
			shim_die("deadlock: threads wait in different places");
		ran = false;
		if (shim->config->order == SHIM_RANDOM)
			shim_shuffle();
		for (i = 0; i < n; i++) {
			struct shim_fiber *f = &shim->fibers[shim->order[i]];

			if (f->state != SHIM_READY)
				continue;
			ran = true;
			shim_resume(f);
		}
	}
}

static void shim_grid(const struct gpu_launch *l, unsigned char *shared)
{
	uint64_t blocks = (uint64_t)l->grid[0] * l->grid[1] * l->grid[2];

	shim_here.threads = shim->threads;
	shim_here.wave = shim->config->wave;
	shim_here.cdna = shim->config->wave == 64 ? shim->config->cdna : 0;
	shim_here.mma_words = shim_here.cdna ? shim_here.cdna / 3 + 1 : 0;
	shim_here.rehearses = shim->config->wave == 32 && !(shim->config->seed & 2);
	shim_here.keeps = shim->config->mutant == SHIM_KEEPS;
	shim_here.shared = shared;
	memcpy(shim_here.grid, l->grid, sizeof(shim_here.grid));
	for (uint64_t b = 0; b < blocks; b++) {
		uint64_t at = shim->config->order == SHIM_REVERSE ? blocks - 1 - b : b;

		shim_here.block[0] = (uint32_t)(at % l->grid[0]);
		shim_here.block[1] = (uint32_t)(at / l->grid[0] % l->grid[1]);
		shim_here.block[2] = (uint32_t)(at / l->grid[0] / l->grid[1]);
		memset(shared, SHIM_POISON, l->shared);
		shim_block();
	}
}

/* The fibers live as long as the process: they wait in shim_thread() between launches. */
static bool shim_make(void)
{
	unsigned char *stacks;

	if (shim)
		return true;
	stacks = (unsigned char *)malloc((size_t)SHIM_STACK * SHIM_MAX_THREADS);
	shim = (struct shim *)calloc(1, sizeof(*shim));
	if (!stacks || !shim) {
		free(stacks);
		free(shim);
		shim = nullptr;
		return false;
	}
	for (uint32_t i = 0; i < SHIM_MAX_THREADS; i++) {
		shim->fibers[i].tid = i;
		shim->fibers[i].stack = stacks + (size_t)SHIM_STACK * i;
		shim->fibers[i].sp = shim_enter_at(shim->fibers[i].stack, shim_thread);
	}
	return true;
}

/* Subnormal operands and results are zero from here on, or are kept. */
static void shim_flush(bool flush)
{
#if defined(__x86_64__)
	__builtin_ia32_ldmxcsr(flush ? 0x9fc0 : 0x1f80); /* the default, all exceptions masked */
#else
	(void)flush;
#endif
}

int shim_run(const struct gpu_launch *launch, const struct shim_config *config)
{
	unsigned char *shared;
	void *memory;

	if (!shim_make())
		return -ENOMEM;
	/* Not aligned_alloc(), which would round the size up and hide what lies outside. */
	if (posix_memalign(&memory, 1024, (launch->shared + 15u) & ~15u))
		return -ENOMEM;
	shared = (unsigned char *)memory;
	shim->config = config;
	shim->launch = launch;
	shim->random = config->seed * 2 + 1;
	shim->threads = launch->block[0];
	if (config->mutant == SHIM_FLUSHES)
		shim_flush(true);
	shim_grid(launch, shared);
	if (config->mutant == SHIM_FLUSHES)
		shim_flush(false);
	free(shared);
	return 0;
}
