// SPDX-License-Identifier: Apache-2.0
/* file.c - map a file. A module is mapped by dlopen() right after: a copy would be no safer. */
#include "core/module/file.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int map_fd(struct file_map *map, int fd, const char *path, struct aios_status *st)
{
	void *data;

	if (fstat(fd, &map->info))
		return aios_fail(st, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(map->info.st_mode))
		return aios_fail(st, -EINVAL, "%s: not a regular file", path);
	if (!map->info.st_size)
		return 0;
	data = mmap(NULL, (size_t)map->info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		return aios_fail(st, -errno, "%s: cannot be mapped: %s", path, strerror(errno));
	map->data = data;
	map->size = (size_t)map->info.st_size;
	return 0;
}

int file_map(struct file_map *map, const char *path, struct aios_status *st)
{
	int err, fd;

	memset(map, 0, sizeof(*map));
	/* O_NONBLOCK: opening a FIFO must not wait for a writer. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return aios_fail(st, -errno, "%s: %s", path, strerror(errno));
	err = map_fd(map, fd, path, st);
	close(fd);
	return err;
}

void file_unmap(struct file_map *map)
{
	if (map->data)
		munmap((void *)(uintptr_t)map->data, map->size);
	memset(map, 0, sizeof(*map));
}
