//! Words of testing. Testing a thing is a different task from building it, so these words weigh
//! more than those of the thing.

use crate::lexicon::Entries;

#[rustfmt::skip]
pub(super) const WORDS: Entries = &[
    (10, &[
        "unit test", "unit testing", "unittest", "integration test", "integration testing", "end to end test",
        "end to end testing", "end to end", "e2e", "e2e test", "e2e testing", "acceptance test", "system test",
        "functional test", "smoke test", "regression test", "snapshot test", "snapshot testing", "property based",
        "property test", "property based testing", "contract test", "load test", "load testing", "stress test",
        "performance test", "mutation testing", "visual regression", "visual regression tests", "component test",
        "api test", "ui test", "browser test", "automated test", "automated testing", "manual testing",
        "test automation", "test coverage", "code coverage", "coverage report", "increase coverage",
        "improve coverage", "codecov", "coveralls", "lcov", "istanbul", "flaky", "flaky test", "flakey", "flake",
        "flakiness", "intermittent test failure", "intermittently failing test", "test failure", "failing test",
        "broken test", "skipped tests", "no test", "without tests", "missing test", "test suite", "test case",
        "test plan", "test fixture", "test data", "test framework", "test runner", "test harness", "test helper",
        "test utils", "test environment", "test infrastructure", "test setup", "test bench", "testbench", "tdd",
        "bdd", "add test", "add a test", "add more tests", "write test", "write a test", "writing tests",
        "more tests", "tests for", "test for", "tests fail", "test fails", "tests failing",
        "test fails intermittently", "tests are failing", "test is failing", "^ test", "^ testing", "testsuite",
        "testcase", "tests pass", "conformance tests", "doctest", "jest", "vitest", "mocha", "jasmine", "karma",
        "cypress", "playwright", "selenium", "puppeteer test", "webdriver", "pytest", "nose", "hypothesis", "junit",
        "mockito", "testng", "rspec", "minitest", "capybara", "phpunit", "xunit", "nunit", "mstest", "gtest",
        "googletest", "catch2", "xctest", "xcuitest", "espresso test", "testcontainers", "testing library",
        "react testing library", "enzyme", "supertest", "nyc", "cucumber", "gherkin", "fuzzing", "fuzz testing",
        "fuzz test", "fuzzer", "fuzz", "quickcheck", "proptest", "insta snapshot", "robot framework", "appium",
        "detox", "msw", "assertj", "testbed",
    ]),
    (8, &[
        "test", "testing", "coverage", "untested", "qa", "quality assurance", "mocking", "stub", "fixture",
        "assertion", "testable", "testability", "tester", "retest", "golden file", "test only",
    ]),
    (4, &[
        "mock", "mocked", "assert", "tested", "qa team", "intermittent", "intermittently", "nondeterministic",
        "non deterministic", "faker", "coverage badge", "regression", "verify", "verification", "dry run",
    ]),
    (2, &["automated", "manually", "benchmark", "scenario"]),
    // Other languages.
    (10, &[
        "pruebas unitarias", "pruebas de integracion", "pruebas", "prueba unitaria", "testes unitarios", "teste",
        "testes de integracao", "tests unitaires", "tests d integration", "couverture de code", "testabdeckung",
        "komponententests", "unit tests schreiben", "testfalle", "test unitari", "copertura dei test", "тест",
        "тесты", "тестов", "тестирование", "юнит тесты", "покрытие", "автотесты", "单元测试", "集成测试",
        "测试用例", "测试覆盖率", "自动化测试", "测试", "測試", "単体テスト", "結合テスト", "ユニットテスト",
        "テストケース", "テストコード", "テスト", "カバレッジ", "단위 테스트", "단위테스트", "통합 테스트",
        "통합테스트", "테스트 코드", "테스트코드", "테스트", "커버리지",
    ]),
];
