drover_e2e(exercise 60)
# 200 studies over HTTP whose truth is known: do the intervals that are printed hold it? 5 minutes.
add_test(NAME long/exercise COMMAND python3 ${CMAKE_CURRENT_LIST_DIR}/../long/exercise_repeats.py ${PROJECT_BINARY_DIR}/bin)
set_tests_properties(long/exercise PROPERTIES LABELS long TIMEOUT 3600 RUN_SERIAL ON)
