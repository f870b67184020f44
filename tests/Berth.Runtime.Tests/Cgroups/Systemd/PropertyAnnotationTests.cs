using Berth.Runtime.Cgroups.Systemd;

namespace Berth.Runtime.Tests.Cgroups.Systemd;

/// <summary>Annotations that are properties of a scope. The bytes are those that systemd is sent, without the alignment of what is around them.</summary>
public sealed class PropertyAnnotationTests
{
    [Theory]
    [InlineData("CollectMode", "'inactive-or-failed'", "CollectMode s")]
    [InlineData("Description", "\"it\\\"s \\\\ \\n\"", "Description s")]
    [InlineData("SendSIGHUP", "true", "SendSIGHUP b 01000000")]
    [InlineData("TimeoutStopUSec", "uint64 123456789", "TimeoutStopUSec t 15CD5B07")]
    [InlineData("Priority", "-5", "Priority i FBFFFFFF")]
    [InlineData("Priority", "uint32 5", "Priority u 05000000")]
    [InlineData("Share", "int64 -2", "Share x FEFFFFFFFFFFFFFF")]
    [InlineData("Share", "0.5", "Share d 000000000000E03F")]
    [InlineData("After", "['a.service', 'b']", "After as")]
    [InlineData("After", "@as []", "After as 00000000")]
    [InlineData("TimeoutStopSec", "2", "TimeoutStopUSec t 80841E00")]
    [InlineData("TimeoutStopSec", "uint64 2", "TimeoutStopUSec t 80841E00")]
    [InlineData("TimeoutStopSec", "0.5", "TimeoutStopUSec t 20A10700")]
    public void ValuesHaveTheirTypes(string name, string text, string wanted)
    {
        UnitProperty property = Assert.Single(PropertyAnnotations.Read(new Dictionary<string, string> { ["other"] = "x", ["org.systemd.property." + name] = text }));
        var writer = new DBusWriter();
        UnitProperty.WriteAll(writer, [property]);

        string seen = Convert.ToHexString(writer.Bytes);
        string[] parts = wanted.Split(' ');
        Assert.Contains(Convert.ToHexString(System.Text.Encoding.ASCII.GetBytes(parts[0] + "\0" + (char)parts[1].Length + parts[1] + "\0")), seen);
        if (parts.Length > 2)
            Assert.Contains(parts[2], seen);
        Assert.Equal(parts[0], property.Name);
    }

    [Theory]
    [InlineData("ab", "1")]
    [InlineData("With.Dot", "1")]
    [InlineData("Name", "word")]
    [InlineData("Name", "'open")]
    [InlineData("Name", "'a' 'b'")]
    [InlineData("Name", "['a' 'b']")]
    [InlineData("Name", "uint32 -1")]
    [InlineData("TimeoutStopSec", "soon")]
    [InlineData("Name", "")]
    public void WhatMakesNoSenseIsAnErrorThatNamesIt(string name, string text)
    {
        var e = Assert.Throws<ArgumentException>(() => PropertyAnnotations.Read(new Dictionary<string, string> { ["org.systemd.property." + name] = text }));
        Assert.Contains("org.systemd.property." + name, e.Message);
    }

    [Fact]
    public void TextsAreUnescaped()
    {
        IReadOnlyList<UnitProperty> read = PropertyAnnotations.Read(new Dictionary<string, string> { ["org.systemd.property.Aaa"] = "'it\\'s \\\\ \\n'", ["org.systemd.property.Bbb"] = "['x', \"y'\"]" });
        Assert.Equal("it's \\ \n", read[0].Value);
        Assert.Equal(["x", "y'"], (string[])read[1].Value);
    }
}
