# Fleets over network namespaces (README.md here). The smoke is part of ./check; what measures is run by hand.
add_test(NAME net/smoke COMMAND python3 ${CMAKE_CURRENT_SOURCE_DIR}/net/smoke.py ${PROJECT_BINARY_DIR}/bin)
set_tests_properties(net/smoke PROPERTIES LABELS "e2e;net" TIMEOUT 240 RUN_SERIAL ON SKIP_RETURN_CODE 77
  ENVIRONMENT_MODIFICATION "${DROVER_PATH}")

add_test(NAME net/ways COMMAND python3 ${CMAKE_CURRENT_SOURCE_DIR}/net/ways.py ${PROJECT_BINARY_DIR}/bin)
set_tests_properties(net/ways PROPERTIES LABELS "e2e;net" TIMEOUT 300 RUN_SERIAL ON SKIP_RETURN_CODE 77
  ENVIRONMENT_MODIFICATION "${DROVER_PATH}")
