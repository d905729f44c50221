/* SPDX-License-Identifier: Apache-2.0 */
/*
 * driver_new.c - aios driver new NAME: copy share/driver-template with the name put in. The
 * folder appears whole, by one rename, or not at all.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "driver.h"
#include "out.h"

enum {
	NAME_BYTES = 64,
	MOST_FILE_BYTES = 1 << 20
};

/* What replaces @NAME@ and TEMPLATE_IDENT, the name as a C identifier. */
struct names {
	const char *name;
	char ident[NAME_BYTES];
};

static int check_name(const char *name, struct names *out, struct aios_status *st)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

	if (!n || name[n] || n >= NAME_BYTES || name[0] == '-' || name[n - 1] == '-')
		return cli_usage(st,
				 "'%.80s' cannot be a driver's name: it is 1 to %d lower-case "
				 "letters, digits and '-', such as my-card",
				 name, NAME_BYTES - 1);
	out->name = name;
	for (size_t i = 0; i <= n; i++)
		out->ident[i] = name[i] == '-' ? '_' : name[i];
	return 0;
}

/* The template beside the program, in a build tree or installed. */
static int find_template(char path[PATH_MAX], struct aios_status *st)
{
	static const char *const places[] = { "/../share/aios/driver-template",
					      "/../share/driver-template" };
	char exe[PATH_MAX], file[PATH_MAX + 32];
	ssize_t len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (len < 0)
		return aios_fail(st, -errno, "/proc/self/exe: %s", strerror(errno));
	exe[len] = '\0';
	*strrchr(exe, '/') = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if ((size_t)snprintf(path, PATH_MAX, "%s%s", exe, places[i]) >= PATH_MAX)
			continue;
		snprintf(file, sizeof(file), "%s/module.c", path);
		if (access(file, R_OK) == 0)
			return 0;
	}
	return aios_fail(
		st, -ENOENT,
		"the template of a driver is neither at %.200s%s nor at ..%s: install AIOS "
		"again",
		exe, places[0], places[1] + 3);
}

/* ---- one file ---------------------------------------------------------------- */

/* Write `text` with the names in place of the marks. */
static void substitute(FILE *out, const char *text, const struct names *names)
{
	const struct {
		const char *mark, *text;
	} marks[] = { { "@NAME@", names->name }, { "TEMPLATE_IDENT", names->ident } };
	const size_t n = sizeof(marks) / sizeof(marks[0]);

	while (*text) {
		size_t i = 0;

		while (i < n && strncmp(text, marks[i].mark, strlen(marks[i].mark)) != 0)
			i++;
		if (i < n) {
			fputs(marks[i].text, out);
			text += strlen(marks[i].mark);
		} else {
			fputc(*text++, out);
		}
	}
}

static int write_text(int folder, const char *file, const char *text, const struct names *names,
		      struct aios_status *st)
{
	/* Scripts say so in their first line. */
	mode_t mode = strncmp(text, "#!", 2) == 0 ? 0777 : 0666;
	int fd = openat(folder, file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
	bool failed;

	if (!out) {
		failed = true;
		if (fd >= 0)
			close(fd);
	} else {
		substitute(out, text, names);
		failed = ferror(out) != 0;
		failed |= fclose(out) != 0;
	}
	if (failed)
		return aios_fail(st, errno ? -errno : -EIO, "cannot write %s: %s", file,
				 strerror(errno));
	return 0;
}

static int copy_file(int from, int to, const char *file, const struct names *names,
		     struct aios_status *st)
{
	/* A file that begins with a dot would be overlooked where the template lies. */
	const char *as = strcmp(file, "gitignore") == 0 ? ".gitignore" : file;
	int fd = openat(from, file, O_RDONLY | O_CLOEXEC);
	char *text = calloc(1, MOST_FILE_BYTES + 1);
	size_t at = 0;
	ssize_t n = 0;
	int rc;

	if (fd < 0 || !text) {
		rc = aios_fail(st, fd < 0 ? -errno : -ENOMEM, "the template's %s: %s", file,
			       fd < 0 ? strerror(errno) : "no memory");
		goto out;
	}
	while (at < MOST_FILE_BYTES && (n = read(fd, text + at, MOST_FILE_BYTES - at)) > 0)
		at += (size_t)n;
	if (n < 0)
		rc = aios_fail(st, -errno, "the template's %s: %s", file, strerror(errno));
	else
		rc = write_text(to, as, text, names, st);
out:
	if (fd >= 0)
		close(fd);
	free(text);
	return rc;
}

/* ---- the folder -------------------------------------------------------------- */

static int is_plain(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void remove_folder(const char *path)
{
	struct dirent **entries = NULL;
	int n = scandir(path, &entries, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		char file[PATH_MAX + 264];

		snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
		unlink(file); /* "." and ".." stay by themselves */
		free(entries[i]);
	}
	free(entries);
	rmdir(path);
}

static int fill_folder(const char *from, const char *to, const struct names *names,
		       struct aios_status *st)
{
	int in = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int out = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent **entries = NULL;
	int rc = 0, n = -1;

	if (in >= 0 && out >= 0)
		n = scandir(from, &entries, is_plain, alphasort);
	if (n < 0)
		rc = aios_fail(st, -errno, "cannot read %.200s or write %.200s: %s", from, to,
			       strerror(errno));
	for (int i = 0; i < n; i++) {
		if (!rc)
			rc = copy_file(in, out, entries[i]->d_name, names, st);
		free(entries[i]);
	}
	free(entries);
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	return rc;
}

static int taken(const char *dir, struct aios_status *st)
{
	return aios_fail(st, -EEXIST,
			 "%.300s is there already and is not touched: choose another folder with "
			 "--dir, or remove it",
			 dir);
}

/* The new folder under another name beside it, then the rename. */
static int make_folder(const char *template, const char *dir, const struct names *names,
		       struct aios_status *st)
{
	char made[PATH_MAX];
	struct stat info;
	mode_t mask = umask(0);
	int rc;

	umask(mask);
	if (lstat(dir, &info) == 0)
		return taken(dir, st);
	if ((size_t)snprintf(made, sizeof(made), "%s.XXXXXX", dir) >= sizeof(made))
		return aios_fail(st, -ENAMETOOLONG, "the folder's path is too long");
	if (!mkdtemp(made))
		return aios_fail(st, -errno, "cannot make a folder %.300s: %s", dir,
				 strerror(errno));
	rc = fill_folder(template, made, names, st);
	if (!rc && chmod(made, 0777 & ~mask))
		rc = aios_fail(st, -errno, "%.300s: %s", made, strerror(errno));
	if (!rc && renameat2(AT_FDCWD, made, AT_FDCWD, dir, RENAME_NOREPLACE)) {
		/* Some file systems cannot promise it; then a rename replaces no full folder. */
		if (errno == EEXIST || (rename(made, dir) && errno == ENOTEMPTY))
			rc = taken(dir, st);
		else if (lstat(made, &info) == 0)
			rc = aios_fail(st, -errno, "cannot rename %.200s to %.200s: %s", made, dir,
				       strerror(errno));
	}
	if (rc)
		remove_folder(made);
	return rc;
}

int driver_new(struct cli *cli, const char *name, struct aios_status *st)
{
	const char *given = cli_text(cli, AIOS_SECTION_COMMAND, "dir");
	char template[PATH_MAX], dir[PATH_MAX];
	struct names names = { 0 };
	int rc = check_name(name, &names, st);

	if (!rc)
		rc = find_template(template, st);
	if (rc)
		return rc;
	if ((size_t)snprintf(dir, sizeof(dir), "%s", given ? given : name) >= sizeof(dir))
		return aios_fail(st, -ENAMETOOLONG, "the folder's path is too long");
	for (size_t n = strlen(dir); n > 1 && dir[n - 1] == '/'; n--)
		dir[n - 1] = '\0';
	rc = make_folder(template, dir, &names, st);
	if (rc)
		return rc;
	out_printf("%s is a driver that builds and computes two ops. Next:\n\n", dir);
	out_printf("  cd %s\n", dir);
	out_printf("  make            # %s.so; pkg-config must find aios.pc\n", name);
	out_printf("  make lint       # what the loader says of it, and more\n");
	out_printf(
		"  make conform    # which op to write next, then whether its bits are right\n\n");
	out_printf("README.md says what is in each file.\n");
	return 0;
}
