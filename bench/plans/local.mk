# bench/plans: problems for the planner, with where each is from in README.md.

EXTRA_DIST += bench/plans/README.md \
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
	bench/plans/challenging/LICENSE.minimalloc.Apache-2.0 \
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
