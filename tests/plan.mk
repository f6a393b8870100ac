# tests of plan: see tests/local.mk for what a line says.

criterion_tests += tests/api_plan tests/api_plan_run tests/api_classic tests/unit_plan
tests_unit_plan_LDADD = $(unit_ldadd)
valgrind_tests += tests/api_plan tests/api_plan_run

weir_script_tests += tests/plan.sh

# The reader of tables and the solver under a driver of their own; fuzz/plan.c says how to
# build it for libFuzzer.
if TOOLS
plain_tests += tests/fuzz_plan
endif
tests_fuzz_plan_SOURCES = fuzz/plan.c fuzz/plan.h fuzz/plan_driver.c tools/plan/csv.c tools/plan/rows.h
tests_fuzz_plan_LDADD = libweir-tools.la $(plain_ldadd) $(ZLIB_LIBS)

EXTRA_DIST += bench/plans/README.md bench/plans/challenging/LICENSE.minimalloc.Apache-2.0 \
	bench/plans/challenging/A.1048576.csv \
	bench/plans/challenging/B.1048576.csv \
	bench/plans/challenging/C.1048576.csv \
	bench/plans/challenging/D.1048576.csv \
	bench/plans/challenging/E.1048576.csv \
	bench/plans/challenging/F.1048576.csv \
	bench/plans/challenging/G.1048576.csv \
	bench/plans/challenging/H.1048576.csv \
	bench/plans/challenging/I.1048576.csv \
	bench/plans/challenging/J.1048576.csv \
	bench/plans/challenging/K.1048576.csv \
	bench/plans/generated/cut_1000_s1.csv \
	bench/plans/generated/cut_100_s1.csv \
	bench/plans/generated/cut_100_s2.csv \
	bench/plans/generated/cutdrop_1000_s1.csv \
	bench/plans/generated/cutdrop_100_s1.csv \
	bench/plans/generated/tfinfer_10000.csv.gz \
	bench/plans/generated/tfinfer_100000.csv.gz \
	bench/plans/generated/tftrain_10000.csv.gz \
	bench/plans/generated/tftrain_100000.csv.gz \
	bench/plans/networks/googlenet_224.csv \
	bench/plans/networks/inception_v3.csv \
	bench/plans/networks/mobilenet_v1.csv \
	bench/plans/networks/mobilenet_v2.csv \
	bench/plans/networks/posenet_mv1_257.csv \
	bench/plans/networks/resnet50_224.csv \
	bench/plans/networks/squeezenet11_224.csv \
	bench/plans/networks/unet_512.csv
