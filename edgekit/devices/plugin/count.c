/* A plugin for qemu's user-mode emulation that counts the instructions which an aarch64 program executes
 * between two marks. The program marks by write(MARK_FD, NULL, number), which fails harmlessly anywhere else.
 * For every mark one line is written to the file named by the argument out=FILE:
 *
 *     NUMBER TOTAL KIND=COUNT KIND=COUNT ...
 *
 * TOTAL and the counts are those since the mark before; KIND is a vector instruction that does arithmetic, with
 * the width of its elements where it says something (fmla.h, sdot), and may stand on a line more than once.
 * Exact for one thread: inline counters are not atomic.
 *
 * The declarations below are the part of qemu's plugin interface, version 1, that is used here.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
typedef struct {
    const char *target_name;
    struct {
        int min;
        int cur;
    } version;
    bool system_emulation;
} qemu_info_t; /* only what comes first in it */
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, enum qemu_plugin_op, void *, uint64_t);
void qemu_plugin_register_vcpu_syscall_cb(qemu_plugin_id_t,
                                          void (*)(qemu_plugin_id_t, unsigned, int64_t, uint64_t, uint64_t,
                                                   uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

enum { MARK_FD = 24301, SYSCALL_WRITE = 64 };

/* A64 encodings (Arm Architecture Reference Manual, C4.1): vector arithmetic by vector, then by element. */
static const struct {
    uint32_t mask, value;
    const char *kind;
} ARITHMETIC[] = {
    {0xBFE0FC00, 0x0E20CC00, "fmla.s"},  {0xBFC0F400, 0x0F801000, "fmla.s"},
    {0xBFE0FC00, 0x0EA0CC00, "fmls.s"},  {0xBFC0F400, 0x0F805000, "fmls.s"},
    {0xBFE0FC00, 0x2E20DC00, "fmul.s"},  {0xBFC0F400, 0x0F809000, "fmul.s"},
    {0xBFE0FC00, 0x0E20D400, "fadd.s"},  {0xBFE0FC00, 0x0E401400, "fadd.h"},
    {0xBFE0FC00, 0x0E400C00, "fmla.h"},  {0xBFC0F400, 0x0F001000, "fmla.h"},
    {0xBFE0FC00, 0x0EC00C00, "fmls.h"},  {0xBFC0F400, 0x0F005000, "fmls.h"},
    {0xBFE0FC00, 0x2E401C00, "fmul.h"},  {0xBFC0F400, 0x0F009000, "fmul.h"},
    {0xBFE0FC00, 0x0E20EC00, "fmlal"},   {0xBFC0F400, 0x0F800000, "fmlal"},
    {0xBFE0FC00, 0x2E20CC00, "fmlal2"},  {0xBFC0F400, 0x2F808000, "fmlal2"},
    {0xBFE0FC00, 0x0E809400, "sdot"},    {0xBFC0F400, 0x0F80E000, "sdot"},
    {0xBFE0FC00, 0x2E809400, "udot"},    {0xBFC0F400, 0x2F80E000, "udot"},
    {0xBFE0FC00, 0x0E809C00, "usdot"},   {0xBFC0F400, 0x0F80F000, "usdot"},
    {0xFFE0FC00, 0x4E80A400, "smmla"},   {0xFFE0FC00, 0x4E80AC00, "usmmla"},
    {0xBFE0FC00, 0x2E40FC00, "bfdot"},   {0xBFC0F400, 0x0F40F000, "bfdot"},
    {0xFFE0FC00, 0x6E40EC00, "bfmmla"},  {0xBFE0FC00, 0x2EC0FC00, "bfmlal"},
    {0xBFC0F400, 0x0FC0F000, "bfmlal"},  {0xBF3FFC00, 0x0E206800, "sadalp"},
    {0xBF20FC00, 0x0E209400, "mla"},     {0xBF00F400, 0x2F000000, "mla"},
    {0xBF20FC00, 0x0E209C00, "mul"},     {0xBF00F400, 0x0F008000, "mul"},
    {0xBF20FC00, 0x0E208000, "smlal"},   {0xBF00F400, 0x0F002000, "smlal"},
    {0xBF20FC00, 0x0E20C000, "smull"},   {0xBF00F400, 0x0F00A000, "smull"},
};

enum { KINDS = sizeof ARITHMETIC / sizeof *ARITHMETIC };

/* A block of translated code: how often it ran, how long it is, and how many of each row above it holds. */
struct block {
    struct block *next;
    uint64_t runs;
    uint64_t runs_at_mark;
    uint32_t length;
    uint16_t kinds[KINDS];
};

static struct block *blocks;
static FILE *out;

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    struct block *block = calloc(1, sizeof *block);
    if (!block)
        abort();
    size_t length = qemu_plugin_tb_n_insns(tb);
    for (size_t i = 0; i < length; i++) {
        uint32_t word;
        memcpy(&word, qemu_plugin_insn_data(qemu_plugin_tb_get_insn(tb, i)), sizeof word);
        for (int kind = 0; kind < KINDS; kind++)
            if ((word & ARITHMETIC[kind].mask) == ARITHMETIC[kind].value)
                block->kinds[kind]++;
    }
    block->length = (uint32_t)length;
    block->next = blocks;
    blocks = block;
    qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, &block->runs, 1);
}

static void mark(uint64_t number)
{
    uint64_t total = 0, kinds[KINDS] = {0};
    for (struct block *block = blocks; block; block = block->next) {
        uint64_t runs = block->runs - block->runs_at_mark;
        if (!runs)
            continue;
        block->runs_at_mark = block->runs;
        total += runs * block->length;
        for (int kind = 0; kind < KINDS; kind++)
            kinds[kind] += runs * block->kinds[kind];
    }
    fprintf(out, "%llu %llu", (unsigned long long)number, (unsigned long long)total);
    for (int kind = 0; kind < KINDS; kind++)
        if (kinds[kind])
            fprintf(out, " %s=%llu", ARITHMETIC[kind].kind, (unsigned long long)kinds[kind]);
    fputc('\n', out);
    fflush(out);
}

static void called(qemu_plugin_id_t id, unsigned vcpu, int64_t number, uint64_t a1, uint64_t a2, uint64_t a3,
                   uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8)
{
    (void)id, (void)vcpu, (void)a2, (void)a4, (void)a5, (void)a6, (void)a7, (void)a8;
    if (number == SYSCALL_WRITE && (int32_t)a1 == MARK_FD)
        mark(a3);
}

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info,
                                                               int argc, char **argv)
{
    if (strcmp(info->target_name, "aarch64") != 0)
        return 1;
    for (int i = 0; i < argc; i++)
        if (strncmp(argv[i], "out=", 4) == 0)
            out = fopen(argv[i] + 4, "w");
    if (!out)
        return 1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_vcpu_syscall_cb(id, called);
    return 0;
}
