drover_test(net/loop TIMEOUT 120 NEEDS net)
drover_test(net/child NEEDS net)

# The files of `drover deploy slurm` under Debian's Slurm; skips itself where that is not installed.
add_test(NAME net/slurm COMMAND python3 ${CMAKE_CURRENT_SOURCE_DIR}/net/slurm.py ${PROJECT_BINARY_DIR}/bin)
set_tests_properties(net/slurm PROPERTIES LABELS "e2e;net" TIMEOUT 1800 COST 400 SKIP_RETURN_CODE 77
  ENVIRONMENT_MODIFICATION "${DROVER_PATH}")

# Prometheus', Grafana's and KEDA's files beside a run; skips itself without Debian's prometheus.
add_test(NAME net/watching COMMAND python3 ${CMAKE_CURRENT_SOURCE_DIR}/net/watching.py ${PROJECT_BINARY_DIR}/bin)
set_tests_properties(net/watching PROPERTIES LABELS "e2e;net" TIMEOUT 800 COST 400 SKIP_RETURN_CODE 77
  ENVIRONMENT_MODIFICATION "${DROVER_PATH}")
