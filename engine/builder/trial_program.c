#include "config.h"

#include <elf.h>
#include <stddef.h>
#include <string.h>

#include "base/error.h"
#include "base/fs.h"
#include "engine/builder/trial_program.h"

#if defined(__x86_64__)
#define TINY_MACHINE EM_X86_64
static const unsigned char code[] = {
	0x31, 0xff,                   /* xor edi, edi: the status */
	0xb8, 0x3c, 0x00, 0x00, 0x00, /* mov eax, 60: exit */
	0x0f, 0x05,                   /* syscall */
};
#elif defined(__aarch64__)
#define TINY_MACHINE EM_AARCH64
static const unsigned char code[] = {
	0x00, 0x00, 0x80, 0xd2, /* mov x0, #0: the status */
	0xa8, 0x0b, 0x80, 0xd2, /* mov x8, #93: exit */
	0x01, 0x00, 0x00, 0xd4, /* svc #0 */
};
#else
#define TINY_MACHINE EM_NONE
static const unsigned char code[] = { 0 };
#endif

#define TINY_ADDRESS 0x400000

struct program {
	Elf64_Ehdr header;
	Elf64_Phdr segment;
	unsigned char code[sizeof(code)];
};

bool trial_program_known(void)
{
	return TINY_MACHINE != EM_NONE;
}

int trial_program_write(const char *path, struct error **err)
{
	struct program program = {
		.header = {
			.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
			.e_type = ET_EXEC,
			.e_machine = TINY_MACHINE,
			.e_version = EV_CURRENT,
			.e_entry = TINY_ADDRESS + offsetof(struct program, code),
			.e_phoff = offsetof(struct program, segment),
			.e_ehsize = sizeof(Elf64_Ehdr),
			.e_phentsize = sizeof(Elf64_Phdr),
			.e_phnum = 1,
		},
		.segment = {
			.p_type = PT_LOAD,
			.p_flags = PF_R | PF_X,
			.p_vaddr = TINY_ADDRESS,
			.p_paddr = TINY_ADDRESS,
			.p_filesz = sizeof(struct program),
			.p_memsz = sizeof(struct program),
			.p_align = 0x1000,
		},
	};

	memcpy(program.code, code, sizeof(code));
	return fs_replace(path, &program, sizeof(program), 0755, err);
}
