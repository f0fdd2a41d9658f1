// org.edgekit.worker.NativeRunner: strings in, the core called, and whatever it throws thrown in Java.
#include <jni.h>
#include <platform.h>

#include <exception>
#include <new>
#include <stdexcept>
#include <string>

#include "edgekit/error.h"
#include "edgekit/serve.h"

namespace {

/// A Java exception is pending already: leave C++ and let Java have it.
struct Pending
{
};

template <class T>
T checked(JNIEnv* env, T value)
{
    if (env->ExceptionCheck())
        throw Pending();
    return value;
}

std::string text(JNIEnv* env, jbyteArray bytes)
{
    if (bytes == nullptr)
        throw std::invalid_argument("a path is null");
    const jsize size = env->GetArrayLength(bytes);
    std::string result(static_cast<std::size_t>(size), '\0');
    env->GetByteArrayRegion(bytes, 0, size, reinterpret_cast<jbyte*>(result.data()));
    return checked(env, result);
}

/// A Java string of UTF-8 bytes. NewStringUTF would take another encoding, and abort on what is none.
jstring java_string(JNIEnv* env, const std::string& text)
{
    const jsize size = static_cast<jsize>(text.size());
    jbyteArray bytes = checked(env, env->NewByteArray(size));
    env->SetByteArrayRegion(bytes, 0, size, reinterpret_cast<const jbyte*>(text.data()));
    jclass type = checked(env, env->FindClass("java/lang/String"));
    jmethodID make = checked(env, env->GetMethodID(type, "<init>", "([BLjava/lang/String;)V"));
    jstring charset = checked(env, env->NewStringUTF("UTF-8"));
    return static_cast<jstring>(checked(env, env->NewObject(type, make, bytes, charset)));
}

void raise(JNIEnv* env, const char* type_name, const std::string& message) noexcept
{
    try
    {
        jstring words = java_string(env, message);
        jclass type = checked(env, env->FindClass(type_name));
        jmethodID make = checked(env, env->GetMethodID(type, "<init>", "(Ljava/lang/String;)V"));
        env->Throw(static_cast<jthrowable>(checked(env, env->NewObject(type, make, words))));
    }
    catch (...)
    {
        // what made the exception fail (no memory, above all) is pending in its place
    }
}

/// Runs work that may throw; nothing of C++ gets past here.
template <class Work>
void guarded(JNIEnv* env, const Work& work) noexcept
{
    try
    {
        work();
    }
    catch (const Pending&)
    {
    }
    catch (const std::bad_alloc&)
    {
        raise(env, "java/lang/OutOfMemoryError", "ncnn ran out of memory");
    }
    catch (const edgekit::Error& error)
    {
        raise(env, error.kind() == "OSError" ? "java/io/IOException" : "java/lang/IllegalArgumentException", error.what());
    }
    catch (const std::invalid_argument& error)
    {
        raise(env, "java/lang/IllegalArgumentException", error.what());
    }
    catch (const std::exception& error)
    {
        raise(env, "java/lang/RuntimeException", error.what());
    }
    catch (...)
    {
        raise(env, "java/lang/RuntimeException", "the core threw something that is no exception");
    }
}

void serve(JNIEnv* env, jclass, jbyteArray request, jbyteArray result)
{
    guarded(env, [&] { edgekit::serve(text(env, request), text(env, result)); });
}

jstring version(JNIEnv* env, jclass)
{
    jstring found = nullptr;
    guarded(env, [&] { found = java_string(env, NCNN_VERSION_STRING); });
    return found;
}

const JNINativeMethod methods[] = {
    {const_cast<char*>("serve"), const_cast<char*>("([B[B)V"), reinterpret_cast<void*>(serve)},
    {const_cast<char*>("version"), const_cast<char*>("()Ljava/lang/String;"), reinterpret_cast<void*>(version)},
};

} // namespace

extern "C" JNIEXPORT jint JNICALL JNI_OnLoad(JavaVM* machine, void*)
{
    JNIEnv* env = nullptr;
    if (machine->GetEnv(reinterpret_cast<void**>(&env), JNI_VERSION_1_6) != JNI_OK)
        return JNI_ERR;
    jclass runner = env->FindClass("org/edgekit/worker/NativeRunner");
    if (runner == nullptr || env->RegisterNatives(runner, methods, sizeof(methods) / sizeof(methods[0])) != JNI_OK)
        return JNI_ERR;
    return JNI_VERSION_1_6;
}
