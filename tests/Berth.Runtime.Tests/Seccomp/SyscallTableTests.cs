using System.Globalization;
using System.Text.RegularExpressions;
using Berth.Runtime.Seccomp;
using Xunit.Abstractions;

namespace Berth.Runtime.Tests.Seccomp;

/// <summary>The table is searchable and agrees with the headers of the machine it is tested on.</summary>
public sealed partial class SyscallTableTests(ITestOutputHelper output)
{
    [Fact]
    public void RowsAreSortedUniqueAndFound()
    {
        Assert.InRange(SyscallTable.Count, 480, 600);
        string previous = "";
        for (int row = 0; row < SyscallTable.Count; row++)
        {
            string name = SyscallTable.Name(row);
            Assert.Matches("^[a-z0-9_]+$", name);
            Assert.True(string.CompareOrdinal(previous, name) < 0, $"{name} after {previous}");
            Assert.Equal(row, SyscallTable.Find(name));
            Assert.Contains(Enum.GetValues<SyscallAbi>(), abi => SyscallTable.Number(row, abi) >= 0);
            previous = name;
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("rea")]
    [InlineData("readx")]
    [InlineData("read ")]
    [InlineData("réad")]
    [InlineData("a_name_that_is_far_longer_than_any_call")]
    public void OtherNamesAreNotFound(string name) => Assert.Equal(-1, SyscallTable.Find(name));

    [Fact]
    public void NumbersAreNotSharedWithinANumbering()
    {
        foreach (SyscallAbi abi in Enum.GetValues<SyscallAbi>())
        {
            var names = new Dictionary<int, string>();
            for (int row = 0; row < SyscallTable.Count; row++)
            {
                int number = SyscallTable.Number(row, abi);
                // sync_file_range2 is arm_sync_file_range by its portable name.
                if (number >= 0 && !(abi == SyscallAbi.Arm && number == 341))
                    Assert.True(names.TryAdd(number, SyscallTable.Name(row)), $"{abi} {number}: {SyscallTable.Name(row)} and {names[number]}");
            }
        }
    }

    [Theory]
    [InlineData("unistd_64.h", SyscallAbi.X86_64)]
    [InlineData("unistd_32.h", SyscallAbi.I386)]
    [InlineData("unistd_x32.h", SyscallAbi.X32)]
    public void AgreesWithTheKernelsHeaders(string header, object abi)
    {
        string path = "/usr/include/x86_64-linux-gnu/asm/" + header;
        if (!File.Exists(path))
        {
            output.WriteLine($"no {path} (package linux-libc-dev); nothing to compare with");
            return;
        }

        int compared = 0;
        foreach (Match match in Definition().Matches(File.ReadAllText(path)))
        {
            int row = SyscallTable.Find(match.Groups[1].Value);
            if (row < 0)
            {
                output.WriteLine($"{match.Groups[1].Value} is newer than the table");
                continue;
            }

            Assert.Equal(int.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture), SyscallTable.Number(row, (SyscallAbi)abi));
            compared++;
        }

        Assert.InRange(compared, 300, 600);
    }

    [GeneratedRegex(@"#define __NR_(\w+) \(?(?:__X32_SYSCALL_BIT \+ )?(\d+)\)?")]
    private static partial Regex Definition();
}
