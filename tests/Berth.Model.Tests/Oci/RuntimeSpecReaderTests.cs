using System.Collections;
using System.Reflection;
using System.Text;
using System.Text.Json;
using Berth.Model.Oci.Runtime;

namespace Berth.Model.Tests.Oci;

/// <summary>The hand-written reader against the serializer's description of the same types.</summary>
public sealed class RuntimeSpecReaderTests
{
    [Fact]
    public void EveryMemberIsRead()
    {
        var spec = (RuntimeSpec)Fill(typeof(RuntimeSpec), 1);
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(spec, RuntimeSpecJsonContext.Default.RuntimeSpec);
        RuntimeSpec read = RuntimeSpecReader.ReadSpec(json);
        Assert.Equal(Encoding.UTF8.GetString(json), JsonSerializer.Serialize(read, RuntimeSpecJsonContext.Default.RuntimeSpec));
        Assert.Equal(spec.Linux?.Resources?.BlockIo?.ThrottleWriteIopsDevice?[0].Rate, read.Linux?.Resources?.BlockIo?.ThrottleWriteIopsDevice?[0].Rate);
    }

    [Fact]
    public void PartsAreReadAlone()
    {
        byte[] process = JsonSerializer.SerializeToUtf8Bytes((ProcessSpec)Fill(typeof(ProcessSpec), 1), RuntimeSpecJsonContext.Default.ProcessSpec);
        Assert.Equal(process, JsonSerializer.SerializeToUtf8Bytes(RuntimeSpecReader.ReadProcess(process), RuntimeSpecJsonContext.Default.ProcessSpec));
        byte[] resources = JsonSerializer.SerializeToUtf8Bytes((ResourcesSpec)Fill(typeof(ResourcesSpec), 1), RuntimeSpecJsonContext.Default.ResourcesSpec);
        Assert.Equal(resources, JsonSerializer.SerializeToUtf8Bytes(RuntimeSpecReader.ReadResources(resources), RuntimeSpecJsonContext.Default.ResourcesSpec));
    }

    [Theory]
    [InlineData("""{"ociVersion":"1"}""")]
    [InlineData("""{"ociVersion":"1","process":null,"root":null,"mounts":null,"linux":{"resources":{"memory":null}},"annotations":null}""")]
    [InlineData("""{"ociVersion":"1", "root":{"path":"a"},"root":{"path":"b"},"hooks":{},"linux":{"seccomp":{"defaultAction":"x","syscalls":[]}}}""")]
    [InlineData("""{"ociVersion":"1","unknown":[{"a":[1,2,{}]},null],"solaris":{},"hostname":"\u00e4\ud83d\ude00\n","linux":{"sysctl":{"a.b":"1","a.b":"2"}}}""")]
    [InlineData("""{"ociVersion":"1","linux":{"resources":{"memory":{"limit":-9223372036854775808,"swappiness":18446744073709551615}}}}""")]
    public void ReadsWhatTheSerializerReads(string json)
    {
        RuntimeSpec wanted = JsonSerializer.Deserialize(json, RuntimeSpecJsonContext.Default.RuntimeSpec)!; // no text here is null
        RuntimeSpec read = RuntimeSpecReader.ReadSpec(Encoding.UTF8.GetBytes(json));
        Assert.Equal(JsonSerializer.Serialize(wanted, RuntimeSpecJsonContext.Default.RuntimeSpec), JsonSerializer.Serialize(read, RuntimeSpecJsonContext.Default.RuntimeSpec));
    }

    // The serializer's generated code loses the defaults of members that are set at creation only.
    [Fact]
    public void WhatIsAbsentHasItsDefault()
    {
        RuntimeSpec spec = RuntimeSpecReader.ReadSpec("""{"process":{},"hooks":{"poststop":[{}]}}"""u8);
        Assert.Equal(new RuntimeSpec().OciVersion, spec.OciVersion);
        Assert.Equal("/", spec.Process?.Cwd);
        Assert.Equal(new UserSpec(), spec.Process?.User);
        Assert.Equal("", spec.Hooks?.Poststop?[0].Path);
    }

    [Fact]
    public void NullIsTheSameAsNothing()
    {
        ProcessSpec process = RuntimeSpecReader.ReadProcess("""{"terminal":null,"user":null,"args":null,"cwd":null,"rlimits":null,"oomScoreAdj":null}"""u8);
        Assert.Equal(new UserSpec(), process.User);
        Assert.Empty(process.Args);
        Assert.Equal("/", process.Cwd);
        Assert.False(process.Terminal);
    }

    [Theory]
    [InlineData("""{"process":{"user":{"uid":-1}}}""", "process.user.uid: wanted a whole number from 0 to 4294967295, got -1")]
    [InlineData("""{"process":{"user":{"uid":4294967296}}}""", "process.user.uid: wanted a whole number from 0 to 4294967295, got 4294967296")]
    [InlineData("""{"process":{"oomScoreAdj":1.0}}""", "process.oomScoreAdj: wanted a whole number from -2147483648 to 2147483647, got 1.0")]
    [InlineData("""{"process":{"rlimits":[{"type":"a","hard":1},{"soft":"x"}]}}""", "process.rlimits[1].soft: wanted a whole number, got \"x\"")]
    [InlineData("""{"process":{"terminal":"yes"}}""", "process.terminal: wanted true or false, got \"yes\"")]
    [InlineData("""{"process":{"args":["a",["b"]]}}""", "process.args[1]: wanted a text, got a list")]
    [InlineData("""{"process":{"args":["a",null]}}""", "process.args[1]: wanted a text, got null")]
    [InlineData("""{"process":{"args":{}}}""", "process.args: wanted a list, got an object")]
    [InlineData("""{"a":[[1],{"b":[2]}],"mounts":[{"destination":"/a","options":["b"]},{"type":"c","options":["d"]}]}""", "mounts[1]: 'destination' is missing")]
    [InlineData("""{"root":{}}""", "root: 'path' is missing")]
    [InlineData("""{"linux":{"timeOffsets":{"boottime":{"secs":true}}}}""", "linux.timeOffsets.boottime.secs: wanted a whole number, got true")]
    [InlineData("""{"annotations":{"a":null}}""", "annotations.a: wanted a value, got null")]
    [InlineData("[]", "the document: wanted an object, got a list")]
    [InlineData("null", "the document: wanted an object, got null")]
    [InlineData("", "line 1, byte 1: this is not JSON")]
    [InlineData("{}x", "line 1, byte 3: this is not JSON")]
    [InlineData("{\"a\":1,\n}", "line 2, byte 1: this is not JSON")]
    [InlineData("""{"hostname":"\ud83d"}""", "hostname: this text is not UTF-8")]
    public void ErrorsSayWhere(string json, string message) =>
        Assert.Equal(message, Assert.Throws<JsonException>(() => RuntimeSpecReader.ReadSpec(Encoding.UTF8.GetBytes(json))).Message);

    // A value of the type in which every member is set, each to something of its own.
    private static object Fill(Type type, int number)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type == typeof(string))
            return $"text {number}";
        if (type == typeof(bool))
            return true;
        if (type.IsPrimitive)
            return Convert.ChangeType(number, type, System.Globalization.CultureInfo.InvariantCulture);
        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(Dictionary<,>))
        {
            var map = (IDictionary)Activator.CreateInstance(type)!; // no Nullable
            map["key " + number] = Fill(type.GetGenericArguments()[1], number + 1);
            map["other key " + number] = Fill(type.GetGenericArguments()[1], number + 2);
            return map;
        }

        if (type.IsGenericType)
        {
            Type item = type.GetGenericArguments()[0];
            var list = (IList)Activator.CreateInstance(typeof(List<>).MakeGenericType(item))!; // no Nullable
            list.Add(Fill(item, number + 1));
            list.Add(Fill(item, number + 2));
            return list;
        }

        object value = System.Runtime.CompilerServices.RuntimeHelpers.GetUninitializedObject(type);
        foreach (PropertyInfo property in type.GetProperties(BindingFlags.Public | BindingFlags.Instance))
            property.SetValue(value, Fill(property.PropertyType, ++number));
        return value;
    }
}
