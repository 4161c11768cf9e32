# The misbehaving connection, for tests here and end to end (bin/test_proxy).
add_executable(test_proxy support/proxy.c)
target_link_libraries(test_proxy PRIVATE settings PkgConfig::uv)
set_target_properties(test_proxy PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
add_library(proxied STATIC support/proxied.c)
target_link_libraries(proxied PUBLIC base PkgConfig::cmocka)
target_compile_definitions(proxied PRIVATE PROXY="$<TARGET_FILE:test_proxy>")
add_dependencies(proxied test_proxy)
