# End-to-end tests: shell scripts over the built programs, run in the release build.
# drover_e2e(spine 120): tests/e2e/spine.sh BIN_FOLDER, at most 120 s.
function(drover_e2e name seconds)
  add_test(NAME e2e/${name} COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/e2e/${name}.sh ${PROJECT_BINARY_DIR}/bin)
  set_tests_properties(e2e/${name} PROPERTIES LABELS e2e TIMEOUT ${seconds} RUN_SERIAL ON
    ENVIRONMENT "DROVER_TEST_DATA=${DROVER_TEST_DATA}" SKIP_RETURN_CODE 77)
endfunction()
