/* SPDX-License-Identifier: Apache-2.0 */
/* file.h - a whole file as read-only bytes. */
#ifndef CORE_MODULE_FILE_H
#define CORE_MODULE_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <aios/error.h>

struct file_map {
	const uint8_t *data; /* NULL for an empty file */
	size_t size;
	struct stat info;
};

/* Map the regular file `path`; file_unmap() undoes it. 0 or -errno with *st filled. */
int file_map(struct file_map *map, const char *path, struct aios_status *st);

/* Takes a cleared map too. */
void file_unmap(struct file_map *map);

#endif /* CORE_MODULE_FILE_H */
