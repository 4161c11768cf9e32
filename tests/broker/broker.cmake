drover_library(broker_sim SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/broker/sim.c
  ${CMAKE_CURRENT_SOURCE_DIR}/broker/sim_net.c ${CMAKE_CURRENT_SOURCE_DIR}/broker/sim_learner.c
  ${CMAKE_CURRENT_SOURCE_DIR}/broker/sim_worker.c NEEDS broker)
drover_library(broker_fixture SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/broker/fixture.c
  NEEDS broker PkgConfig::cmocka)
drover_test(broker/sim NEEDS broker_sim TIMEOUT 240)
drover_test(broker/rules NEEDS broker_fixture)
drover_test(broker/backlog NEEDS broker_fixture)
drover_test(broker/keepers NEEDS broker_fixture)
drover_test(broker/turns NEEDS broker_fixture)
drover_test(broker/unlike NEEDS broker_fixture)
drover_test(broker/admin NEEDS broker_fixture)
drover_test(broker/doors NEEDS broker)
drover_test(broker/rekey NEEDS broker)
drover_test(broker/leases NEEDS broker_fixture)
drover_library(broker_paced SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/broker/paced.c NEEDS broker m)
drover_test(broker/pace NEEDS broker_paced)
drover_test(broker/scores NEEDS broker_fixture)
drover_test(broker/watching NEEDS broker_fixture)
drover_test(broker/history NEEDS broker)
drover_test(broker/reclaim NEEDS broker_fixture)
drover_test(broker/reopened NEEDS broker_fixture)
drover_test(broker/answers NEEDS broker_fixture)
drover_test(broker/blame NEEDS broker_fixture)
drover_test(broker/breaker NEEDS broker_fixture)
drover_test(broker/refused NEEDS broker_fixture)
drover_test(broker/overdue NEEDS broker_fixture)
drover_test(broker/dashboard NEEDS broker)
drover_library(broker_hosts SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/broker/hosts.c
  ${CMAKE_CURRENT_SOURCE_DIR}/broker/hosts_child.c NEEDS broker PkgConfig::cmocka)
drover_test(broker/depot NEEDS broker_hosts TIMEOUT 600)
drover_test(broker/depot_noise NEEDS broker)
drover_test(broker/supply NEEDS broker)
drover_test(broker/chain NEEDS broker)
include(${CMAKE_CURRENT_SOURCE_DIR}/fuzz/fuzz.cmake)
drover_library(stage SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/stage.c
  ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/stage_hello.c ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/stage_lines.c
  ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/stage_calm.c
  NEEDS broker every mend)
drover_fuzz(broker SEEDS fuzz/seeds/broker NEEDS stage)
drover_test(broker/ways NEEDS broker)
drover_test(broker/table NEEDS broker)
target_compile_definitions(test_broker_table PRIVATE PAGE="${PROJECT_SOURCE_DIR}/docs/PROTOCOL.md")
# What the state machine does in a second: ninja bench_broker, run by hand.
add_executable(bench_broker EXCLUDE_FROM_ALL ${CMAKE_CURRENT_SOURCE_DIR}/broker/bench_broker.c)
target_link_libraries(bench_broker PRIVATE broker)
add_dependencies(bench bench_broker)
# The broker beside a relay that does the least: with a thousand peers by hand, with twenty a test.
add_executable(swarm ${CMAKE_CURRENT_SOURCE_DIR}/broker/swarm.c
  ${CMAKE_CURRENT_SOURCE_DIR}/broker/swarm_peers.c ${CMAKE_CURRENT_SOURCE_DIR}/broker/swarm_relay.c)
target_link_libraries(swarm PRIVATE proto net)
add_dependencies(bench swarm)
add_test(NAME broker/swarm COMMAND swarm broker=$<TARGET_FILE:drover-broker> actors=20 seconds=2)
set_tests_properties(broker/swarm PROPERTIES TIMEOUT 60)
