drover_test(examples/world NEEDS world)
# What scripted people feel of an answer.
add_executable(world_utility examples/world_utility.c)
target_link_libraries(world_utility PRIVATE world)
set_target_properties(world_utility PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/bin)
