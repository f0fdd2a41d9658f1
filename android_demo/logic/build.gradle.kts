plugins {
    `java-library`
}

// Plain Java: no class of Android, so that all of it runs on any JVM. org.json is part of Android.
java {
    toolchain {
        languageVersion = JavaLanguageVersion.of(17)
    }
}

tasks.withType<JavaCompile>().configureEach {
    options.release = 11
    options.compilerArgs.addAll(listOf("-Xlint:all", "-Werror"))
}

dependencies {
    compileOnly(libs.json)
}
