/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake.h - how a test steers a fake libcuda or libamdhip64. One process, one fake of each; the
 * test that opened the library finds `fake_gpu` in it with dlsym().
 */
#ifndef FAKE_FAKE_H
#define FAKE_FAKE_H

#include <stdbool.h>
#include <stdint.h>

struct fake_gpu {
	/* Set by the test. */
	int version;         /* 13000 */
	int init_result;     /* of cuInit, hipInit */
	int devices;         /* 1 */
	int major, minor;    /* 9, 0 */
	int wave;            /* 32 or 64, HIP alone */
	int cdna;            /* of waves of 64: the generation of the matrix units, 0: none */
	unsigned int units;  /* multiprocessors */
	uint32_t shared_max; /* bytes of a block */
	uint64_t memory;     /* bytes of a device */
	int order;           /* of threads, enum shim_order; HIP alone */
	uint64_t seed;
	int mutant, mutant_at; /* enum shim_mutant: what is broken in it; HIP alone */
	bool hold;             /* streams do nothing */
	bool run;              /* kernels run, all but those for 9.0; CUDA alone, HIP's always do */
	bool apart;            /* no device reaches another's memory */
	/* The fail_nth call from now on (1: the next) that can fail returns fail_result. */
	uint64_t fail_nth;
	int fail_result;
	bool sticky;  /* ... and so do all calls after it, until the context is reset */
	bool forever; /* ... and that does not help, as after an illegal address */

	/* Counted by the fake. */
	uint64_t calls;
	int contexts; /* pushed and not popped, all threads together */
	int retained, streams, events, graphs, execs, modules, allocations;
	uint64_t allocated;            /* bytes of device memory */
	uint64_t launches, overlapped; /* all; those that may begin early */
	uint64_t maps;                 /* encoded */
	uint64_t peer_copies;          /* from one device to another */
	uint32_t reach[16];            /* of a device: bit p, kernels may use p's memory */
	char last_kernel[64];
	unsigned int last_grid[3], last_block[3], last_shared;
	int broken; /* the sticky result in force */
};

#endif /* FAKE_FAKE_H */
