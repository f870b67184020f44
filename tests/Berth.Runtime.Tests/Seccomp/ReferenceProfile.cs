using System.Runtime.CompilerServices;
using System.Text.Json;
using Berth.Runtime.Seccomp;

namespace Berth.Runtime.Tests.Seccomp;

/// <summary>Docker's published default profile, evaluated call by call straight from its JSON, by none of the code under test but the number table.</summary>
internal sealed class ReferenceProfile
{
    private const uint Allow = 0x7FFF0000;
    private const uint Errno = 0x00050000;

    private readonly Dictionary<uint, List<JsonElement>> _rules = [];
    private readonly bool _narrow;
    private readonly long _newest = -1;

    public ReferenceProfile(JsonElement document, IReadOnlySet<string> capabilities, string arch, SyscallAbi abi)
    {
        _narrow = abi is not (SyscallAbi.X86_64 or SyscallAbi.Arm64);
        foreach (JsonElement rule in document.GetProperty("syscalls").EnumerateArray())
        {
            if (!Applies(rule, capabilities, arch))
                continue;
            foreach (JsonElement name in rule.GetProperty("names").EnumerateArray())
            {
                int row = SyscallTable.Find(name.GetString()!);
                int number = row < 0 ? -1 : SyscallTable.Number(row, abi);
                if (number < 0)
                    continue;
                _newest = Math.Max(_newest, number);
                if (!_rules.TryGetValue((uint)number, out List<JsonElement>? list))
                    _rules.Add((uint)number, list = []);
                list.Add(rule);
            }
        }
    }

    /// <summary>The file, when this checkout lies beside the shared material; otherwise null.</summary>
    public static string? Find([CallerFilePath] string source = "")
    {
        foreach (string? start in new[] { Path.GetDirectoryName(source), AppContext.BaseDirectory })
        {
            for (string? folder = start; folder is not null; folder = Path.GetDirectoryName(folder))
            {
                string candidate = Path.Combine(folder, "shared", "reference", "seccomp-default.json");
                if (File.Exists(candidate))
                    return candidate;
            }
        }

        return null;
    }

    public uint Evaluate(uint number, params ReadOnlySpan<ulong> arguments)
    {
        if (number > _newest)
            return Errno | 38;
        uint result = Errno | 1;
        foreach (JsonElement rule in _rules.GetValueOrDefault(number) ?? [])
        {
            if (!Matches(rule, arguments))
                continue;
            if (rule.GetProperty("action").GetString() == "SCMP_ACT_ALLOW")
                return Allow;
            result = Errno | rule.GetProperty("errnoRet").GetUInt32();
        }

        return result;
    }

    private static bool Applies(JsonElement rule, IReadOnlySet<string> capabilities, string arch)
    {
        if (rule.TryGetProperty("excludes", out JsonElement not)
            && (Strings(not, "caps").Any(capabilities.Contains) || Strings(not, "arches").Contains(arch)))
            return false;
        return !rule.TryGetProperty("includes", out JsonElement only)
            || (Strings(only, "caps").All(capabilities.Contains) && (!only.TryGetProperty("arches", out _) || Strings(only, "arches").Contains(arch)));
    }

    private static IEnumerable<string> Strings(JsonElement element, string name) =>
        element.TryGetProperty(name, out JsonElement list) ? list.EnumerateArray().Select(item => item.GetString()!) : [];

    private bool Matches(JsonElement rule, ReadOnlySpan<ulong> arguments)
    {
        if (!rule.TryGetProperty("args", out JsonElement tests))
            return true;
        foreach (JsonElement test in tests.EnumerateArray())
        {
            ulong argument = arguments[test.GetProperty("index").GetInt32()];
            if (_narrow)
                argument = (uint)argument;
            ulong value = test.GetProperty("value").GetUInt64();
            bool holds = test.GetProperty("op").GetString() switch
            {
                "SCMP_CMP_LT" => argument < value,
                "SCMP_CMP_EQ" => argument == value,
                "SCMP_CMP_GT" => argument > value,
                "SCMP_CMP_MASKED_EQ" => (argument & value) == 0,
                var op => throw new InvalidOperationException("the reference has an operator this test does not know: " + op),
            };
            if (!holds)
                return false;
        }

        return true;
    }
}
