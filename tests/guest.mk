# tests of any program under `weir run`: see tests/local.mk for what a line says. Each script
# says "ok" or "not ok" for each of its cases; tests/guest/lib.sh tells how to run one by hand.

weir_script_tests += tests/guest/guest_cost.sh tests/guest/guest_damage.sh tests/guest/guest_ends.sh \
	tests/guest/guest_exec.sh tests/guest/guest_files.sh tests/guest/guest_handlers.sh \
	tests/guest/guest_names.sh tests/guest/guest_places.sh tests/guest/guest_sandbox.sh \
	tests/guest/guest_signals.sh
EXTRA_DIST += tests/guest/act.c tests/guest/chain.c tests/guest/cost.c tests/guest/count.c tests/guest/damage.py \
	tests/guest/handlers.c tests/guest/images.c tests/guest/lib.sh tests/guest/limit.c \
	tests/guest/report.py tests/guest/run-shared-cases tests/guest/sandbox.c \
	tests/guest/signals.py tests/guest/terminal.py
