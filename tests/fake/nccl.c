// SPDX-License-Identifier: Apache-2.0
/*
 * nccl.c - a library of communicators that is none: over the fake libcuda it is NCCL, over the
 * fake libamdhip64 RCCL. Ranks are threads or processes of one machine and meet in shared memory,
 * which is named by the id and unlinked by the last to come, or by the first to abort.
 *
 * A gather is work of a stream, or of a graph. It writes the rank's bytes into the room when all have read what
 * was there, and reads the others' when all have written. Whoever looks at a stream moves it on.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gpu.h"
#include "host/comm.h"
#include "nccl.h"

#define RANKS 16
#define ROOM_BYTES ((size_t)1 << 20) /* of a rank */
#define CONNECTS 3                   /* polls until the first gather is under way */

struct fake_nccl fake_nccl FAKE_API = { .version = 22809 };

#define NCCL_PROTO(member, symbol, type, params) type nccl_##member params __asm__(symbol) FAKE_API;
COMM_SYMBOLS(NCCL_PROTO)

/* What the ranks share. */
struct room {
	atomic_uint n_ranks, joined;               /* joined: a bit a rank */
	atomic_bool lost;                          /* a rank aborted */
	atomic_ullong written[RANKS], read[RANKS]; /* gathers */
	unsigned char bytes[RANKS][ROOM_BYTES];
};

struct rank {
	atomic_int refs; /* the user's, and one of each task */
	atomic_bool aborted;
	struct room *room;
	char name[64];
	unsigned int rank, n_ranks;
	int device;
	unsigned long long gathers; /* begun */
	bool connected;
	int connecting;
	struct task *graphs; /* tasks that graphs run again; the rank's own */
};

struct task {
	struct task *next;
	struct rank *rank;
	unsigned long long number; /* from 1; 0: not begun */
	bool captured, wrote;
	void *dst;
	const void *src;
	size_t bytes;
};

/* --- the GPU's library --------------------------------------------------------- */

static void *gpu_symbol(const char *name)
{
	static void *_Atomic opened;
	void *lib = atomic_load(&opened);

	if (!lib) { /* by two threads perhaps: it is the same */
		lib = dlopen(FAKE_LIBRARY, RTLD_NOW | RTLD_NOLOAD);
		atomic_store(&opened, lib);
	}
	return lib ? dlsym(lib, name) : NULL;
}

static int current_device(void)
{
	int (*device)(void);

	*(void **)&device = gpu_symbol("fake_device");
	return device ? device() : -1;
}

static int stream_poll(void *stream, bool (*poll)(void *), void *arg)
{
	int (*add)(void *, bool (*)(void *), void *);

	*(void **)&add = gpu_symbol("fake_stream_poll");
	return add ? add(stream, poll, arg) : GPU_NOT_INITIALIZED;
}

static bool stream_captures(void *stream)
{
	bool (*captures)(void *);

	*(void **)&captures = gpu_symbol("fake_stream_captures");
	return captures && captures(stream);
}

/* --- ranks ----------------------------------------------------------------------- */

static void rank_put(struct rank *r)
{
	struct task *t;

	if (atomic_fetch_sub(&r->refs, 1) > 1)
		return;
	while ((t = r->graphs) != NULL) {
		r->graphs = t->next;
		free(t);
	}
	munmap(r->room, sizeof(*r->room));
	free(r);
	atomic_fetch_sub(&fake_nccl.comms, 1);
}

static struct room *room_open(const char *name)
{
	int fd = shm_open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	void *room = MAP_FAILED;

	if (fd >= 0 && ftruncate(fd, sizeof(struct room)) == 0)
		room = mmap(NULL, sizeof(struct room), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd >= 0)
		close(fd);
	return room == MAP_FAILED ? NULL : room;
}

static bool all_there(const struct rank *r)
{
	return atomic_load(&r->room->joined) == (1u << r->n_ranks) - 1;
}

/* Take the place; false: somebody has it, or counts other ranks. */
static bool room_join(struct rank *r)
{
	unsigned int none = 0, bit = 1u << r->rank;

	if (!atomic_compare_exchange_strong(&r->room->n_ranks, &none, r->n_ranks) &&
	    none != r->n_ranks)
		return false;
	if (atomic_fetch_or(&r->room->joined, bit) & bit)
		return false;
	if (all_there(r))
		shm_unlink(r->name);
	return true;
}

int nccl_version(int *version)
{
	*version = fake_nccl.version;
	return COMM_OK;
}

const char *nccl_error_string(int result)
{
	return result == COMM_REMOTE_ERROR ? "remote process exited" : "as the test asked";
}

int nccl_unique_id(struct aios_comm_id *id)
{
	static atomic_uint n;

	if (fake_nccl.id_result)
		return fake_nccl.id_result;
	memset(id, 0, sizeof(*id));
	snprintf((char *)id->bytes, sizeof(id->bytes), "/fake-nccl-%ld-%u", (long)getpid(),
		 atomic_fetch_add(&n, 1));
	return COMM_OK;
}

int nccl_init(void **comm, int n_ranks, struct aios_comm_id id, int rank,
	      struct comm_config *config)
{
	struct rank *r;

	*comm = NULL;
	if (config->size < sizeof(*config) || config->magic != COMM_CONFIG_MAGIC ||
	    config->version < 21400 || config->blocking || n_ranks < 1 || n_ranks > RANKS ||
	    rank < 0 || rank >= n_ranks || id.bytes[0] != '/')
		return COMM_INVALID_ARGUMENT;
	if (fake_nccl.init_result)
		return fake_nccl.init_result;
	if (current_device() < 0)
		return COMM_GPU_ERROR;
	r = calloc(1, sizeof(*r));
	if (!r)
		return COMM_SYSTEM_ERROR;
	atomic_init(&r->refs, 1);
	r->rank = (unsigned int)rank;
	r->n_ranks = (unsigned int)n_ranks;
	r->device = current_device();
	snprintf(r->name, sizeof(r->name), "%.60s", (const char *)id.bytes);
	r->room = room_open(r->name);
	if (!r->room) {
		free(r);
		return COMM_SYSTEM_ERROR;
	}
	atomic_fetch_add(&fake_nccl.comms, 1);
	if (!room_join(r)) {
		rank_put(r);
		return COMM_INVALID_USAGE;
	}
	*comm = r;
	return COMM_IN_PROGRESS;
}

int nccl_async_error(void *comm, int *result)
{
	struct rank *r = comm;

	*result = atomic_load(&fake_nccl.async);
	if (*result)
		return COMM_OK;
	if (atomic_load(&r->room->lost) && !atomic_load(&fake_nccl.deaf))
		*result = COMM_REMOTE_ERROR;
	else if (!all_there(r) || (r->connecting > 0 && r->connecting-- > 0))
		*result = COMM_IN_PROGRESS;
	return COMM_OK;
}

/* --- gathers --------------------------------------------------------------------- */

static bool all_have(const struct rank *r, atomic_ullong *counts, unsigned long long n)
{
	unsigned int i;

	for (i = 0; i < r->n_ranks; i++)
		if (atomic_load(&counts[i]) < n)
			return false;
	return true;
}

static bool task_end(struct task *t)
{
	if (t->captured) {
		t->number = 0;
		t->wrote = false;
		return true;
	}
	rank_put(t->rank);
	free(t);
	atomic_fetch_sub(&fake_nccl.tasks, 1);
	return true;
}

/* True when it is over. */
static bool task_poll(void *arg)
{
	struct task *t = arg;
	struct rank *r = t->rank;
	struct room *room = r->room;
	unsigned int i;

	if (atomic_load(&r->aborted))
		return task_end(t);
	if (atomic_load(&fake_nccl.hang))
		return false;
	if (!t->number)
		t->number = ++r->gathers;
	if (!t->wrote && all_have(r, room->read, t->number - 1)) {
		memcpy(room->bytes[r->rank], t->src, t->bytes);
		atomic_store(&room->written[r->rank], t->number);
		t->wrote = true;
	}
	if (!t->wrote || !all_have(r, room->written, t->number))
		return false;
	for (i = 0; i < r->n_ranks; i++)
		memcpy((char *)t->dst + i * t->bytes, room->bytes[i], t->bytes);
	atomic_store(&room->read[r->rank], t->number);
	return task_end(t);
}

int nccl_all_gather(const void *src, void *dst, size_t n, int type, void *comm, void *stream)
{
	struct rank *r = comm;
	struct task *t;

	if (current_device() != r->device)
		atomic_fetch_add(&fake_nccl.strays, 1);
	if (type != COMM_TYPE_BYTES || n > ROOM_BYTES)
		return COMM_INVALID_ARGUMENT;
	if (fake_nccl.gather_result)
		return fake_nccl.gather_result;
	t = calloc(1, sizeof(*t));
	if (!t)
		return COMM_SYSTEM_ERROR;
	*t = (struct task){ .rank = r, .dst = dst, .src = src, .bytes = n };
	atomic_fetch_add(&fake_nccl.gathers, 1);
	if (stream_captures(stream)) {
		t->captured = true;
		t->next = r->graphs;
		r->graphs = t;
	} else {
		atomic_fetch_add(&r->refs, 1);
		atomic_fetch_add(&fake_nccl.tasks, 1);
	}
	if (stream_poll(stream, task_poll, t) != GPU_OK) {
		task_end(t);
		return COMM_GPU_ERROR;
	}
	if (r->connected)
		return COMM_OK;
	r->connected = true;
	r->connecting = CONNECTS;
	return COMM_IN_PROGRESS;
}

/* --- the end ----------------------------------------------------------------------- */

int nccl_destroy(void *comm)
{
	atomic_fetch_add(&fake_nccl.destroyed, 1);
	rank_put(comm);
	return COMM_IN_PROGRESS;
}

int nccl_abort(void *comm)
{
	struct rank *r = comm;

	atomic_store(&r->aborted, true);
	atomic_store(&r->room->lost, true);
	shm_unlink(r->name);
	atomic_fetch_add(&fake_nccl.aborted, 1);
	rank_put(r);
	return COMM_OK;
}
