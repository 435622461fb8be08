"""The words by which messages of drivers, browsers, pages and runtimes are told apart. Used last, after the evidence.

A pattern belongs here if it names a condition, in any browser's way of saying it; not if it copies one message.
"""

from __future__ import annotations

import re


def _any_of(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE | re.MULTILINE)


_BROWSER = r"(driver|binary|executable|browser|chrome|chromium|firefox|edge|safari|webkit\w*)"

RESOURCE = _any_of(
    r"out[ _-]of[ _-]((device|host|gpu|video|shared|heap|executable|system)[ _])?memory",
    r"\boom\b|oom[- ]?kill",
    # The operating system's names for it, as programs print them.
    r"\be(nomem|nospc|dquot|mfile|nfile|again)\b",
    r"no[ _](space left|(device|disk|free)[ _]space)|disk (is )?full",
    r"quota[ _]?(has been |was |is )?(exceeded|reached)|exceed(ed|s)? (\w+ )?quota",
    r"(can(no|')t|could not|couldn't|unable to|failed to|failure to) allocate|allocation (has )?fail",
    r"bad_alloc|enlarge memory|memory limit|not enough (memory|space)|insufficient[ _](memory|resources|space)",
    r"err_(file_no_space|no_buffer_space)|less than \d+ ?[kmg]i?b of free",
    r"too many open(ed)? (files|sockets)|resource temporarily unavailable|can(no|')t start new thread|cannot fork",
    r"invalid typed array length|(unable|failed) to grow|(can ?not|can't|could not) grow",
    r"\b(size|buffer|allocation)( is)? too large",
    r"heap limit|allocation size overflow|/dev/shm|shared memory",
)

LAUNCH = _any_of(
    r"session not created|(can(no|')t|could not|unable to|failed to) (create|start|forward) (a |the )?(new )?session",
    r"error forwarding the (new )?session",
    r"no \w+ binary at|cannot find \w+ binary|is not a \w+ executable|expected browser binary location",
    r"(unable to|can(no|')t|could not|couldn't|failed to) (find|locate|obtain|start|launch|spawn)\b.{0,60}" + _BROWSER,
    r"service \S+ unexpectedly exited|driver\b.{0,40} unexpectedly (died|exited)|another \w*driver is already running",
    r"(failed|unable|not able) to connect to \w*driver\b|read marionette port",
    _BROWSER + r"\b.{0,60}(failed to start|did not start|not found|does(n't| not) exist|unexpectedly exited"
    r"|needs to be in path|wrong permissions|not executable|not installed)",
    r"exec format error|cannot execute binary|error while loading shared libraries|missing (dependencies|libraries)",
    r"devtoolsactiveport|process unexpectedly closed with status|user data directory is already in use",
    r"only supports (chrome|microsoft ?edge|chromium|firefox) version",
    r"(can(no|')t|unable to|could not) open display|missing x server|\bno \$?display\b",
    r"unable to find a matching set of capabilities|failed to launch|(?<!process )launch failed",
    r"(can ?not|can't|could not|unable to|failed to) connect to the service|exited process|discover open pages",
    r"(connect|dial)\b.{0,40}(chrome|chromium|firefox|edge|safari|devtools)\b|websocket url\b|\binitial target\b",
    r"profile (is )?missing|profile (can ?not|could not) be",
    r"browsertype\.launch|\bnot (been )?captured\b",
    r"(can(no|')t|unable to|could not|failed to) establish\b.{0,40}\bbrowser connection",
)

# Sessions of an inference runtime are no browsers' sessions.
BACKEND = _any_of(r"\bbackends?\b|execution provider|\bonnx|\berror_code: \d+, error_message")

# What stands in the path of a file that is needed to start a browser.
LAUNCH_FILE = _any_of(_BROWSER)

CRASH = _any_of(
    r"(tab|page|target|renderer|browser|content process|web ?process|(?<!gpu )process)"
    r"( has| was| just| suddenly| unexpectedly)*( been)? ?crash",
    r"crashed unexpectedly|aw,? snap",
    # Firefox shows a page of its own where a tab's process died.
    r"not supported for parent process browsing contexts",
    r"(browser|renderer|content process|web ?process|worker)\b.{0,40}"
    r"(\bdied|was killed|been killed|terminated|exited|is gone|has gone|disappeared|was lost)",
    r"segmentation fault|core dumped|\bsig(segv|abrt|kill|bus|ill|trap)\b|signal:? ?(4|5|6|7|9|11)\b",
)

# The driver's own connection to the browser's process ended: that is how a killed browser looks.
GONE_BROWSER = _any_of(r"browser has closed the connection|failed to decode response from marionette")

# The programming interface is missing altogether; asked before GPU, whose words the same sentences contain.
API_MISSING = _any_of(
    r"navigator\.(ml|gpu)\b.{0,10} (undefined|null|missing|absent|not (available|defined|supported|present))",
    r"(reading|property) ['\"]?(ml|gpu|createcontext|requestadapter)\b|evaluating ['\"]?navigator\.(ml|gpu)",
    r"\bno (webgpu|webnn)\b|(requestadapter|createcontext)\w* is not a function",
    # The adapter is well, and lacks what the model needs.
    r"requires? (the )?(webgpu )?(extension |feature )?[\w-]*f16\b.{0,80}\bnot\b",
)

DEVICE_LOST = _any_of(
    r"device[ _]?(was|is|has been)?[ _]?(lost|hung|removed)|(lost|losing) (the )?(gpu |webgpu )?device",
)

GPU = _any_of(
    DEVICE_LOST.pattern,
    r"(creat\w*|initiali\w*) (a |the )?(webgpu|webgl\d?|gpu|graphics) (context|device)|instantiate a device",
    r"\bon 'gpu\w+'|mapping webgpu buffer|invalid (command ?buffer|bind ?group|shader ?module|compute ?pipeline)",
    r"(gpu|webgpu|graphics|compatible|suitable|available|no|null) ?adapters?\b|requestadapter|requestdevice",
    r"(find|get|obtain|acquire|request) (an? |any |the )?adapter\b",
    r"\b(compatible|suitable|supported|usable) (gpu|graphics)",
    r"gpu ?process|gpu (error|crash|hang|reset|is hung|access not allowed)|gpu\w*error\b",
    r"(webgl|gl|rendering|graphics) ?context (was )?(lost|could not)|context[ _](already[ _]|was[ _])?lost",
    # Programming interfaces, their implementations in browsers, and what only they speak of.
    r"\bvk_error|\bvulkan\b|\bdxgi|\bd3d(\d+)?\b|swiftshader|llvmpipe|lavapipe|\bwgpu|\b(tint|naga|dawn)\b|0x887a\d{4}",
    r"(webgpu|webgl\d?|gpu)\b.{0,20} (validation|internal|device) (error|fail)|\bbind ?group\b|\bworkgroup\b",
    r"shader ?(module|compil|translation|validation)|(compute|render) ?pipeline|\bwgsl\b",
    r"\b(fragment|vertex|compute|pixel) shaders?\b|\bwebgl\d? ?(texture|buffer|framebuffer|program|shader)",
    r"\begl(_|create|get|init|make)\w+",
)

# Whatever it is: it is of the graphics stack, and failed. Asked after the API, which may be missing altogether.
GRAPHICS_FAILED = _any_of(
    r"\b(creat|initiali|compil|link|acquir|obtain|submit|mapp)\w*\b.{0,40}\b(webgpu|webgl\d?|gpu|graphics)\b",
    r"(webgpu|webgl|gpu|graphics).{0,40}\b(errors?|fail\w*|lost|invalid|crash\w*|exited|not be created)\b",
)

API = _any_of(
    r"navigator\.(ml|gpu)\b|\bwebnn\b|\bmlcontext\b|\bmlgraph",
    r"notsupportederror|unknown command|unsupported ?operation|\bnot match a known (command|method)",
    r"(webgpu|webassembly|wasm|simd|sharedarraybuffer|bidi)\b.{0,40}"
    r"(not (yet |currently )?(supported|available|enabled|implemented|defined)"
    r"|unsupported|unavailable|disabled|missing)",
    r"(n't|not) support (webgpu|webnn|webassembly|wasm|simd|sharedarraybuffer|bidi)\b",
    r"no available backend|backend\b.{0,60}(not (found|available|supported)|unavailable|unsupported)",
    r"(execution )?provider\b.{0,60}not (available|supported|found)|could not find an implementation",
    r"(not support|unsupported|not implement|no implementation|unimplemented)\w*\b.{0,60}"
    r"\b(op|ops|operators?|operations?|data ?types?|backends?|devices?|features?|platform|api|command|kernel)\b",
    r"\b(op|ops|operators?|operations?|data ?types?|feature|api|command|kernel)\b.{0,80}"
    r"(not (been )?(support|implement|available)\w*|unsupported|unimplemented)",
)

TIMEOUT = _any_of(
    r"timed?[ _-]?outs?\b|\btime ?limit|deadline|took too long|ran out of time",
    r"no (bytes?|answer|response|reply|data|message|heartbeat|beat|pulse|sign of life)\b"
    r".{0,60}(in|within|for) [\d.]+ ?m?s",
    r"still pending\b|not respond|unresponsive|\bhung\b|\bhangs?\b(?! up)|hanging|is stuck|stopped responding|stalled",
    r"(exceeded|(fail|failed|not)\b.{0,60} (in|within|after)) [\d.]+ ?(s|ms|secs?|seconds|milliseconds|minutes)\b",
)

# What drivers, not users' own waits, say of time that ran out.
DRIVER_TIMEOUT = _any_of(
    r"^(script )?timeout\b|from renderer|script timeout|(navigation|loading|page load|script).{0,20}timed out"
    r"|timed out after [\d.]+ ?ms|read timed out",
)

LOST_SESSION = _any_of(
    r"invalid session id|no such session|session (deleted|is closed|was closed|not found|terminated|does not exist)",
    r"session (id )?(is|was|has) (already )?(required|finished|ended)|session\b.{0,60} not available",
    r"session (has )?(timed out|expired)|(find|locate) (a |the )?session\b|existing session",
    r"(is )?not connected\b|unable to (connect to|(receive|send) message (from|to)) \w+|\w+ not reachable|disconnected",
    GONE_BROWSER.pattern,
    r"without establishing a connection|marionette.{0,40}(closed|destroyed)",
    r"no such window|web view not found|window (was )?(already )?closed|browsing context has been discarded",
    r"no such execution context|no (such )?target\b|frame (was )?detached|actor .{0,60}destroyed",
    r"\b(target|page|context|browser|tab|frame|session)( has been| was| is)?( already)? (closed|detached)",
)

# A window that never was, unlike one that is gone.
UNKNOWN_WINDOW = _any_of(r"^no such window$", r"unable to locate window")

CONNECTION = _any_of(
    r"connection\b.{0,40}(refused|reset|aborted|closed|lost|dropped|broken|failed|error|interrupted)",
    r"(lost|refused|reset|closed|failed)\b.{0,20} connection|(could not|cannot|can't|failed to|unable to) connect",
    r"\be(connrefused|connreset|connaborted|pipe|hostunreach|netunreach)\b|broken pipe|errno (32|104|111|113)\b",
    r"max retries exceeded|remote end closed|socket (hang up|is closed)|bad ?gateway|unreachable|websocket",
    r"can(no|')t be reached|failed to fetch|load failed|networkerror|network (error|changed|is down)",
    r"name resolution|getaddrinfo",
    r"driver\b.{0,40} (died|exited|terminated|crashed|was killed)",
)

# Browsers' own names for an error of the network. Some end in TIMED_OUT: that is the network's time, not the page's.
NETWORK_CODE = _any_of(
    r"net::err_\w+|\berr_(connection|name|address|network|internet|socket|proxy|tunnel|empty|timed)_\w+|neterror",
    r"\bns_error_(net|connection|unknown|proxy|offline|port)\w*|\bpr_\w+_error\b",
)

# A browser's error pages that say that the address itself is wrong.
WRONG_ADDRESS = _any_of(
    r"err_(invalid_url|file_not_found|unknown_url_scheme)|malformedurl|unknownprotocol|filenotfound"
)

# What tools say of a page that is not as a test expects it. They wait for it first, and so speak of time, too.
UNMET = _any_of(
    r"\bassertionerror\b|\bexpect(ed)?\b.{0,200}\b(not )?to (be|have|find|contain|equal|match|include|exist)\b"
    r"|\bexpected\b.{0,200}\bbut (got|was|never|found|received|did)\b|\bexpect\(.{0,200}\)\.",
    r"\b(this|the) element\b.{0,40} (is|was) (not |being |no longer )?"
    r"(visible|attached|covered|disabled|detached|enabled|stable|editable)",
    r"\bwaiting (for|until) (an? |the )?(element|selector|locator|xpath|text|visibility|presence)\b",
    r"\belement\b.{0,200}\b(still |is )not\s(exist|displayed|visible|present|enabled|clickable|interactable|found)",
    r"\belements?(\(s\))? (not found|could not be (found|located))",
    r"(locate|find) (an? |the |any )?(element\b|node with)",
    r"\bno (element|node)s? (was |were )?found\b|\bnot match any (element|node)",
    r"\bstrict mode violation\b|resolved to \d+ elements",
    # WebDriver's own names for it, as clients in every language tell them.
    r"\bno such (element|frame|alert|cookie|shadow root)\b|\bstale element\b|\bdetached shadow root\b",
    r"\belement (click intercepted|not (interactable|selectable|visible))|\binvalid (selector|element state)\b",
    r"\bunexpected alert\b|\bmove target out of bounds\b|\b(invalid cookie domain|unable to set cookie)\b",
)

# What a binding says of a script that calls it wrongly. The interface is there, whatever its name.
MISUSE = _any_of(
    r"(parameter|argument) \d+\b.{0,80}(is not of type|is not an? |does not implement|must be)",
    r"\barguments? required\b|\bnot enough arguments\b|\billegal (constructor|invocation)\b",
)

WRONG_RESULT = _any_of(
    r"tolerance|(below|above|beyond|exceeds?|outside|under|over) (of )?(the )?(threshold|limit of error)",
    r"(wrong|unexpected|incorrect) (numbers?|outputs?|results?|values?|shape|dtype)",
    r"\b(outputs?|results?|values?|shapes?|dtypes?|arrays?|numbers?)\b.{0,40}"
    r"(mismatch|differ|not (equal|close|match|finite))",
    r"mismatch(ed)? .{0,20}(elements|outputs?|results?|values?|shapes?)",
)

INVALID_MODEL = _any_of(
    r"protobuf|(invalid|corrupt\w*|broken|malformed|truncated|bad) .{0,20}(model|onnx|weights?|graph)\b",
    r"\b(model|onnx|weights?|graph)\b.{0,40}(corrupt|malformed|truncated|invalid|not (a )?valid|missing|404|not found)",
    r"(unexpected|invalid|wrong) (input|output|data|tensor)( data)? (type|rank|dimension|shape|name)",
    r"(unexpected|invalid|wrong) (type|rank|dimension|shape|name)s? (for|of) (the )?(input|output|feed|tensor)",
    # onnxruntime's codes for arguments, files, graphs.
    r"\binvalid_(argument|protobuf|graph)\b|\bno_(suchfile|model)\b",
    r"\bort\w+\(\)\W{1,3}error[ _]code\W{1,3}(2|3|4|7|10)\b",
    r"(load|pars|read|deserializ)\w* (the )?model|not a registered (function|op)",
    r"\b(no|ir|opset|model) (opset|version)\b|\b(ir|opset) version",
)

NOT_FOUND = _any_of(r"\b(404|410)\b")

# The same where no page event tells that the number is a server's answer.
ANSWERED_NOT_FOUND = _any_of(
    r"\b(http|status|code|answered|response)\b\W{0,3}(code\W{0,3})?404\b|\b404\W{0,3}not found",
    r"(could not|can(no|')t|unable to|failed to) (locate|find|open|read) (the )?(file|model)\b",
    r"\bfile (was |is )?not found\b",
)

# How engines print an error of a script.
SCRIPT_ERROR = _any_of(r"(^|: )(uncaught )?(\(in promise\) )?(eval|range|reference|syntax|type|uri)error: ")
