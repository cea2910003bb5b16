/* An independent timing of memory.stat reads, in another language than the probe.
 *
 * bracket PATH       for each line on standard input: one read, its CPU time in ns
 * bracket PATH MS    reads every MS milliseconds until it is killed */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static char buffer[1 << 16];

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static long long bracket(int fd)
{
	long long start = now();
	ssize_t got = pread(fd, buffer, sizeof(buffer), 0);
	long long end = now();

	if (got <= 0 || got == sizeof(buffer)) {
		perror("pread");
		exit(1);
	}
	return end - start;
}

int main(int argc, char **argv)
{
	char line[16];
	int fd = argc < 2 ? -1 : open(argv[1], O_RDONLY);

	if (fd < 0) {
		fprintf(stderr, "usage: bracket PATH [MS]\n");
		return 2;
	}
	if (argc > 2)
		for (;;) {
			bracket(fd);
			usleep(1000 * atoi(argv[2]));
		}
	while (fgets(line, sizeof(line), stdin)) {
		printf("%lld\n", bracket(fd));
		fflush(stdout);
	}
	return 0;
}
