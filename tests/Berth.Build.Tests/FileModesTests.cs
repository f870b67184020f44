using Berth.Build.Frontend;
using Berth.Model;

namespace Berth.Build.Tests;

/// <summary>Permissions of --chmod.</summary>
public sealed class FileModesTests
{
    [Theory]
    [InlineData("755", 0x1B6, false, 0x1ED)]
    [InlineData("0", 0x1B6, false, 0)]
    [InlineData("07777", 0, false, 0xFFF)]
    [InlineData("u+x", 0x1A4, false, 0x1E4)]
    [InlineData("+x", 0x1A4, false, 0x1ED)]
    [InlineData("a-w", 0x1B6, false, 0x124)]
    [InlineData("go=", 0x1FF, false, 0x1C0)]
    [InlineData("u=rw,g=r,o=", 0x1FF, false, 0x1A0)]
    [InlineData("a+X", 0x1A4, false, 0x1A4)]
    [InlineData("a+X", 0x1A4, true, 0x1ED)]
    [InlineData("u+s", 0x1ED, false, 0x9ED)]
    [InlineData("u=rwx+s-w", 0, false, 0x940)]
    public void They_are_octal_or_as_of_chmod(string text, uint before, bool isFolder, uint after) => Assert.Equal(after, FileModes.Parse(text)(before, isFolder));

    [Theory]
    [InlineData("")]
    [InlineData("99")]
    [InlineData("10000")]
    [InlineData("rwx")]
    [InlineData("z+x")]
    [InlineData("u+y")]
    [InlineData("u+x,")]
    public void Others_are_refused(string text) => Assert.Equal(ErrorKind.InvalidArgument, Assert.Throws<EngineException>(() => FileModes.Parse(text)).Kind);
}
