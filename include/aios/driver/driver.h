/* SPDX-License-Identifier: Apache-2.0 */
/*
 * driver.h - what a driver implements. A driver includes this, <aios/op.h> and
 * <aios/numerics.h>, and no other AIOS header.
 *
 * The core copies the driver's table over one that it owns and has filled with
 * stubs returning -ENOSYS; slots marked "mandatory" must be there, or the driver
 * is refused at registration.
 *
 * Threads: unless said otherwise the core calls a device's slots from one thread
 * at a time, and a queue's slots from one thread at a time; different devices and
 * different queues may be used at once. Drivers keep no mutable file-scope state.
 * A driver never calls abort or exit and never writes to stdout or stderr.
 */
#ifndef AIOS_DRIVER_DRIVER_H
#define AIOS_DRIVER_DRIVER_H

#include <aios/error.h>
#include <aios/module.h>
#include <aios/op.h>
#include <aios/types.h>

/* One device a driver found. Filled by probe(); plain data. */
struct aios_device_desc {
	uint32_t size;    /* set by the core */
	int32_t score;    /* higher is better; < 0: present but unusable, `reason` says why */
	char id[64];      /* stable: "cuda:GPU-uuid", "pci:0000:3b:00.0", "cpu:0" */
	char alias[64];   /* another stable id of the same hardware, or "" (merges duplicates) */
	char name[96];    /* for people: "NVIDIA H100 80GB HBM3" */
	char reason[128]; /* why this score: "AVX2, 2 cores", "driver 470 is older than 525" */
	uint64_t memory;  /* bytes in total, 0: unknown */
	uint32_t index;   /* the driver's own number, passed back to open() */
	uint32_t reserved;
};

/* The kinds of memory a device offers. */
enum aios_heap_kind {
	AIOS_HEAP_DEVICE = 0, /* where ops read and write at full speed */
	AIOS_HEAP_PINNED = 1, /* host memory the device can copy to and from asynchronously */
	AIOS_HEAP_MAPPED = 2, /* host memory the device addresses directly */
	AIOS_HEAP_COUNT
};

struct aios_heap_info {
	uint64_t total; /* bytes; 0: the heap does not exist */
	uint64_t free;  /* bytes, as the vendor says: a hint, not a promise */
};

/* One allocation. Filled by mem_alloc(); given back by mem_free(). */
struct aios_mem {
	aios_addr addr; /* start, aligned to 256 bytes at least */
	uint64_t bytes;
	void *host;    /* where the host may read and write it; NULL for pure device memory */
	void *priv;    /* the driver's own */
	uint32_t heap; /* enum aios_heap_kind */
	uint32_t reserved;
};

/* What an opened device is. Filled by device_info(). */
struct aios_device_info {
	uint32_t size;         /* set by the core */
	uint32_t wave;         /* lanes of a warp or wave; 1 for a CPU */
	uint32_t profiles;     /* bit p set: enum aios_profile p works */
	uint32_t best_profile; /* the fastest exact one */
	uint32_t units;        /* SMs, CUs, threads */
	uint32_t reserved;
	uint64_t op_types; /* bit t set: enum aios_op_type t is implemented in some form */
	char id[64];       /* as in the descriptor */
	char name[96];
	char runtime[96]; /* "CUDA 13.0, driver 580.65", "threads 2, avx2" */
};

/* Answer to "can you run this op?". NO must have no side effect; EXACT must pass conformance. */
enum aios_support {
	AIOS_SUPPORT_NO = 0,
	AIOS_SUPPORT_EXACT = 1
};

struct aios_op_support {
	uint32_t size;          /* set by the core */
	uint32_t level;         /* enum aios_support */
	uint64_t scratch_bytes; /* the descriptor's `scratch` needs this much, 256-byte aligned */
	char reason[128];       /* for NO: what is not supported ("head_dim 320 > 256") */
};

/* Where copy() moves bytes. Host memory is any address of this process. */
enum aios_copy_dir {
	AIOS_COPY_TO_DEVICE = 0,
	AIOS_COPY_TO_HOST = 1,
	AIOS_COPY_ON_DEVICE = 2
};

/* What a device may do with the memory of another one of its driver: the answer of peer(). */
enum aios_peer_access {
	AIOS_PEER_COPY = 1,  /* copy() may read it */
	AIOS_PEER_DIRECT = 2 /* and ops may: the parts of ALL_REDUCE and ALL_GATHER */
};

/* Names a communicator. Plain bytes, to be carried to the other ranks by any means. */
struct aios_comm_id {
	unsigned char bytes[128];
};

struct aios_driver_ops {
	uint32_t size;
	uint32_t reserved;

	/*
	 * Mandatory. List devices: write up to `cap` descriptors, return how many
	 * there are (0 is fine: say why in *st) or a negative errno. Cheap: no
	 * context, no allocation that outlives the call. Any thread.
	 */
	int (*probe)(const struct aios_host *host, struct aios_device_desc *out, uint32_t cap,
		     struct aios_status *st);

	/* Mandatory. Open device `index`; *dev is the driver's own object. */
	int (*open)(const struct aios_host *host, uint32_t index, void **dev,
		    struct aios_status *st);

	/* Mandatory. Wait until all queues are idle, or -ETIMEDOUT. `deadline_ns`: CLOCK_MONOTONIC. */
	int (*quiesce)(void *dev, uint64_t deadline_ns, struct aios_status *st);

	/* Mandatory. After quiesce(), with no queue and no allocation left. Takes NULL. */
	void (*close)(void *dev);

	/* Mandatory. Fill *info (info->size is set). */
	int (*device_info)(void *dev, struct aios_device_info *info, struct aios_status *st);

	/* Mandatory. Size and free bytes of one heap; total 0 when it does not exist. */
	int (*heap_info)(void *dev, uint32_t heap, struct aios_heap_info *info,
			 struct aios_status *st);

	/*
	 * Mandatory. 0, -AIOS_EXHAUSTED, -AIOS_NOT_NOW, or another negative errno.
	 * Contents are undefined. bytes > 0.
	 */
	int (*mem_alloc)(void *dev, uint32_t heap, uint64_t bytes, struct aios_mem *out,
			 struct aios_status *st);

	/* Mandatory. No work that uses it may be pending. */
	void (*mem_free)(void *dev, struct aios_mem *mem);

	/* Mandatory. An in-order queue. */
	int (*queue_create)(void *dev, void **queue, struct aios_status *st);
	void (*queue_destroy)(void *dev,
			      void *queue); /* mandatory; the queue is idle; takes NULL */

	/*
	 * Mandatory. Can this op run? Pure: reads the descriptor, writes *out.
	 * Addresses in the descriptor may be 0. Any thread.
	 */
	int (*query_op)(void *dev, const struct aios_op *op, struct aios_op_support *out);

	/* Mandatory. Enqueue one op; -ENOTSUP when query_op() says NO. */
	int (*launch)(void *dev, void *queue, const struct aios_op *op, struct aios_status *st);

	/*
	 * Mandatory. Enqueue a copy. TO_DEVICE: host memory may be reused when the
	 * call returns, unless it is from a PINNED heap (then when the copy has
	 * completed). TO_HOST: the bytes are there when the copy has completed.
	 */
	int (*copy)(void *dev, void *queue, uint32_t dir, uint64_t dst, uint64_t src,
		    uint64_t bytes, struct aios_status *st);

	/* Mandatory. Enqueue: set `bytes` bytes to `value`. */
	int (*fill)(void *dev, void *queue, aios_addr dst, uint8_t value, uint64_t bytes,
		    struct aios_status *st);

	/*
	 * Mandatory. Enqueue a signal; *value is the queue's timeline after it
	 * (ascending from 1). wait() returns when the timeline has reached `value`:
	 * 0, -ETIMEDOUT, or the sticky error of the work before it. A value that
	 * nobody has signalled yet is waited for like any other.
	 */
	int (*signal)(void *dev, void *queue, uint64_t *value, struct aios_status *st);
	int (*wait)(void *dev, void *queue, uint64_t value, uint64_t deadline_ns,
		    struct aios_status *st);

	/* ---- optional from here: absent slots are stubs returning -ENOSYS ---- */

	/* Work enqueued on `queue` after this waits for `value` of `other`, which may be a peer's. */
	int (*queue_wait)(void *dev, void *queue, void *other, uint64_t value,
			  struct aios_status *st);

	/*
	 * The packing in which this device wants a matmul weight of w->rows x w->cols
	 * of w->dtype under `profile`: writes layout, row_bytes, plane_bytes into *w
	 * and the bytes to allocate into *bytes. Absent: plain rows.
	 */
	int (*weight_layout)(void *dev, uint32_t profile, struct aios_tensor *w, uint64_t *bytes,
			     struct aios_status *st);

	/*
	 * Use memory of this process (an mmap of a checkpoint) as device memory
	 * without a copy; read only. The caller keeps it mapped until mem_free().
	 */
	int (*mem_import)(void *dev, const void *host, uint64_t bytes, struct aios_mem *out,
			  struct aios_status *st);

	/* Capture: what is enqueued between begin and end becomes a graph instead of running. */
	int (*graph_begin)(void *dev, void *queue, struct aios_status *st);
	int (*graph_end)(void *dev, void *queue, void **graph, struct aios_status *st);
	int (*graph_launch)(void *dev, void *queue, void *graph, struct aios_status *st);
	void (*graph_destroy)(void *dev, void *graph);

	/* After -AIOS_DEVICE_LOST: drop everything and start over. All memory is gone. */
	int (*reset)(void *dev, struct aios_status *st);

	/* ---- appended in ABI 0.2 ---- */

	/*
	 * Nanoseconds on the device between two signals of one queue, `from` before
	 * `to`, both reached; a driver keeps the times of the last 256 at least.
	 * -ENOENT for one that it does not have any more.
	 */
	int (*elapsed)(void *dev, void *queue, uint64_t from, uint64_t to, uint64_t *ns,
		       struct aios_status *st);

	/*
	 * Make `peer`, another opened device of this driver, known to `dev`: addresses of
	 * its DEVICE heap may be used in dev's queues as *access (enum aios_peer_access)
	 * says, until one of the two is closed or reset; copy(ON_DEVICE) may read them in
	 * either case. Nothing is said of the other direction. Called once more it answers
	 * the same. What wrote the memory is ordered by queue_wait() or wait().
	 */
	int (*peer)(void *dev, void *peer, uint32_t *access, struct aios_status *st);

	/*
	 * A communicator joins n_ranks devices, of one process or of many, on one machine or
	 * several. comm_id() of any rank names a new one; comm_open() with that id, on each
	 * rank, waits for all the others, at most until the deadline. The ranks of one
	 * process therefore have a thread each, for all of these slots. n_ranks is at most
	 * AIOS_MAX_RANKS. The queues and the communicator of a rank are used by one thread at
	 * a time. -ENOSYS also means: the library that this needs is not there.
	 */
	int (*comm_id)(void *dev, struct aios_comm_id *id, struct aios_status *st);
	int (*comm_open)(void *dev, const struct aios_comm_id *id, uint32_t rank, uint32_t n_ranks,
			 uint64_t deadline_ns, void **comm, struct aios_status *st);

	/*
	 * Enqueue: rank r's `bytes` at src are at dst + r * bytes on every rank, bits kept.
	 * All ranks call it with the same number of bytes, in the same order. src is not part
	 * of dst, unless it is dst + rank * bytes. A sum is this and then ALL_REDUCE, whose
	 * order is the contract's. The deadline ends a wait for others to connect; the first
	 * gather, in which they do, is not captured in a graph. After a
	 * failure the communicator is broken for good: each later call tells the same error,
	 * and what it still had enqueued is abandoned, so that the queue goes on.
	 */
	int (*comm_gather)(void *dev, void *queue, void *comm, aios_addr dst, aios_addr src,
			   uint64_t bytes, uint64_t deadline_ns, struct aios_status *st);

	/* 0, or what broke it. A rank that died may show as a wait() that timed out, and here as 0. */
	int (*comm_check)(void *dev, void *comm, struct aios_status *st);

	/*
	 * On every rank, before the device closes or resets, and when the graphs that it was
	 * captured in are destroyed. Ends it in order when its work has
	 * completed, and may then wait for the others to do so; aborts what has not. Takes NULL.
	 */
	void (*comm_close)(void *dev, void *comm);
};

#endif /* AIOS_DRIVER_DRIVER_H */
