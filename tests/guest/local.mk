# tests/guest: any program under `weir run`. Each script says "ok" or "not ok" for each of its cases;
# tests/guest/lib.sh tells how to run one by hand.

weir_script_tests += tests/guest/children.sh \
	tests/guest/cost.sh \
	tests/guest/damage.sh \
	tests/guest/ends.sh \
	tests/guest/exec.sh \
	tests/guest/files.sh \
	tests/guest/handlers.sh \
	tests/guest/lib_folder.sh \
	tests/guest/load.sh \
	tests/guest/mapped.sh \
	tests/guest/names.sh \
	tests/guest/new.sh \
	tests/guest/owner.sh \
	tests/guest/pid.sh \
	tests/guest/places.sh \
	tests/guest/refused.sh \
	tests/guest/sandbox.sh \
	tests/guest/scripts.sh \
	tests/guest/sigchld.sh \
	tests/guest/signals.sh
EXTRA_DIST += tests/guest/act.c \
	tests/guest/chain.c \
	tests/guest/cost.c \
	tests/guest/count.c \
	tests/guest/damage.py \
	tests/guest/functions \
	tests/guest/handlers.c \
	tests/guest/images.c \
	tests/guest/lib.sh \
	tests/guest/limit.c \
	tests/guest/load.c \
	tests/guest/new.cc \
	tests/guest/refused.c \
	tests/guest/report.py \
	tests/guest/run-shared-cases \
	tests/guest/sandbox.c \
	tests/guest/signals.py \
	tests/guest/starter.c \
	tests/guest/terminal.py
